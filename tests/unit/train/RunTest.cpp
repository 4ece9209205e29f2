//===- RunTest.cpp - what a run leaves on disk --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "Doubles.h"

#include "runtime/train/Predictions.h"
#include "runtime/train/Run.h"
#include "runtime/train/RunFolder.h"
#include "runtime/train/RunReport.h"
#include "runtime/train/Safetensors.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace heddle::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<Json> jsonLines(const std::string &path) {
  std::istringstream in(readAll(path));
  std::vector<Json> out;
  for (std::string line; std::getline(in, line);)
    out.push_back(Json::parse(line));
  return out;
}

float firstValue(const std::string &path, const std::string &tensor) {
  auto reader = SafetensorsReader::open(path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  const TensorInfo *info = (*reader)->find(tensor);
  EXPECT_NE(info, nullptr) << tensor;
  float value = -1;
  if (info)
    EXPECT_TRUE((*reader)->read(*info, 0, 4, &value).ok());
  return value;
}

struct Scene {
  explicit Scene(const std::string &settingsJson, int64_t valid = 10, int64_t test = 10)
      : graph(10 + valid + test), plan(fakePlan(5, settingsJson)) {
    graph.setSplit(10, 10 + valid, 10 + valid + test);
    options.output = folder / "run";
    options.progress = ProgressMode::Never;
    options.planFile = "a.plan";
    options.version = "0.1.0";
    quality = [](float w) { return w == 4 ? 0.9 : 0.5; };
  }
  absl::StatusOr<RunOutcome> run() {
    auto settings = readTrainSettings(*plan, "a.plan", overrides);
    EXPECT_TRUE(settings.ok()) << settings.status();
    auto factory = [&](uint64_t seed) -> absl::StatusOr<std::unique_ptr<exec::Executor>> {
      seeds.push_back(seed);
      auto executor = std::make_unique<FakeExecutor>(*plan, graph);
      executor->quality = quality;
      executor->failAt = failAt;
      current = executor.get();
      return std::unique_ptr<exec::Executor>(std::move(executor));
    };
    return runTraining(*plan, graph, factory, *settings, options, [&] { return stop(); });
  }
  TemporaryDirectory folder;
  FakeGraph graph;
  std::unique_ptr<plan::PlanT> plan;
  TrainOverrides overrides;
  RunOptions options;
  std::function<double(float)> quality;
  std::function<bool()> stop = [] { return false; };
  std::vector<uint64_t> seeds;
  FakeExecutor *current = nullptr;
  int64_t failAt = -1;
};

TEST(Run, FolderHoldsEverything) {
  Scene s(R"({"num_epochs": 4, "seed": 5})");
  s.overrides.epochs = 3;
  s.graph.names.assign(30, "");
  s.graph.names[20] = "say \"hi\", twice";
  auto outcome = s.run();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  std::string run = s.folder / "run/";
  EXPECT_FALSE(fs::exists(s.folder / "run.partial"));

  Json state = Json::parse(readAll(run + "run.json"));
  EXPECT_EQ(state["status"], "finished");
  EXPECT_EQ(state["result"]["best_epoch"], 2);
  EXPECT_EQ(state["result"]["test"]["metrics"]["accuracy"], 0.9);
  EXPECT_EQ(Json::parse(readAll(run + "spec.json"))["train"]["num_epochs"], 3);
  EXPECT_EQ(Json::parse(readAll(run + "fingerprints.json"))["graph_data"], "2222222222222222");

  auto lines = jsonLines(run + "metrics.jsonl");
  ASSERT_EQ(lines.size(), 7u); // three epochs with an evaluation each, the test
  EXPECT_EQ(lines[0]["schema"], "heddle-metrics/1");
  EXPECT_EQ(lines[0]["event"], "train");
  EXPECT_EQ(lines[0]["lr"]["sparse"], 0.5);
  EXPECT_EQ(lines[3]["event"], "valid");
  EXPECT_EQ(lines[3]["best"], true);
  EXPECT_EQ(lines[5]["best"], false);
  EXPECT_EQ(lines[6]["event"], "test");
  EXPECT_EQ(lines[6]["epoch"], 2);

  EXPECT_EQ(firstValue(run + "best/weights.safetensors", "layer.0.weight"), 4);
  EXPECT_EQ(firstValue(run + "last/weights.safetensors", "layer.0.weight"), 6);
  EXPECT_EQ(firstValue(run + "last/optimizer.safetensors", "w.m"), 12);
  auto weights = SafetensorsReader::open(run + "best/weights.safetensors");
  ASSERT_TRUE(weights.ok());
  EXPECT_EQ((*weights)->find("w.m"), nullptr);
  EXPECT_EQ((*weights)->find("rows")->shape, (std::vector<int64_t>{30, 2}));
  EXPECT_EQ((*weights)->find("layer.0.weight")->shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ((*weights)->metadata().at("epoch"), "2");
  EXPECT_EQ(Json::parse((*weights)->metadata().at("states"))["layer.0.weight"], "w");

  std::string csv = readAll(run + "predictions.csv");
  EXPECT_EQ(csv.substr(0, csv.find('\n')), "id,name,split,label,prediction,probability");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 21);
  EXPECT_NE(csv.find("\n20,\"say \"\"hi\"\", twice\",test,class2,class2,0.786986\n"),
            std::string::npos)
      << csv;
  EXPECT_NE(csv.find("\n19,,valid,class1,class2,0.786986\n"), std::string::npos) << csv;

  for (const char *part : {"3 epochs (6 steps)", "Best epoch 2 of 3", "0.9000", "always 'class0'",
                           "Examples", " -> class", "Results are in"})
    EXPECT_NE(outcome->summary.find(part), std::string::npos) << part << "\n" << outcome->summary;
  EXPECT_EQ(s.seeds, (std::vector<uint64_t>{5}));
}

TEST(Run, AnExistingRunIsReplacedOnlyByForce) {
  Scene s(R"({"num_epochs": 1})");
  ASSERT_TRUE(s.run().ok());
  auto again = s.run();
  EXPECT_EQ(exitCodeOf(again.status()), 2);
  EXPECT_NE(messageOf(again.status()).find("--force"), std::string::npos);
  s.options.force = true;
  s.overrides.seed = 77;
  ASSERT_TRUE(s.run().ok());
  EXPECT_EQ(Json::parse(readAll(s.folder / "run/run.json"))["result"]["seed"], 77);
  // A folder of somebody else's is never replaced.
  fs::create_directories(s.folder / "home");
  std::ofstream(s.folder / "home/thesis.tex") << "x";
  s.options.output = s.folder / "home";
  EXPECT_EQ(exitCodeOf(s.run().status()), 2);
  EXPECT_TRUE(fs::exists(s.folder / "home/thesis.tex"));
}

TEST(Run, AFailureLeavesAPartialFolderWithWhatWasLearnt) {
  Scene s(R"({"num_epochs": 4})");
  s.failAt = 5; // in the third epoch
  auto outcome = s.run();
  EXPECT_EQ(exitCodeOf(outcome.status()), 1);
  std::string message = messageOf(outcome.status());
  EXPECT_NE(message.find("first bad tensor 'w'"), std::string::npos) << message;
  EXPECT_NE(message.find("run.partial"), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(s.folder / "run"));
  std::string partial = s.folder / "run.partial/";
  EXPECT_EQ(Json::parse(readAll(partial + "run.json"))["status"], "failed");
  EXPECT_EQ(firstValue(partial + "last/weights.safetensors", "layer.0.weight"), 5);
  EXPECT_EQ(firstValue(partial + "best/weights.safetensors", "layer.0.weight"), 4);
  // Recognised, and not lost by a second try.
  s.failAt = -1;
  EXPECT_NE(messageOf(s.run().status()).find("was cut off"), std::string::npos);
  s.options.force = true;
  EXPECT_TRUE(s.run().ok());
}

TEST(Run, AnInterruptSavesWhatWasLearnt) {
  Scene s(R"({"num_epochs": 100})");
  s.stop = [&] { return s.current->weight[0] >= 7; };
  auto outcome = s.run();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(outcome->interrupted);
  EXPECT_NE(outcome->summary.find("Interrupted"), std::string::npos);
  std::string run = s.folder / "run/";
  EXPECT_EQ(Json::parse(readAll(run + "run.json"))["status"], "interrupted");
  EXPECT_EQ(firstValue(run + "last/weights.safetensors", "layer.0.weight"), 7);
  EXPECT_EQ(firstValue(run + "best/weights.safetensors", "layer.0.weight"), 4);
  EXPECT_FALSE(fs::exists(run + "predictions.csv"));
  auto lines = jsonLines(run + "metrics.jsonl");
  EXPECT_EQ(lines.back()["event"], "train");
  EXPECT_EQ(lines.back()["whole"], false);
}

TEST(Run, WithoutValidOrTestNodes) {
  Scene s(R"({"num_epochs": 2})", 0, 0);
  auto outcome = s.run();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_NE(outcome->summary.find("no validation nodes"), std::string::npos);
  EXPECT_NE(outcome->summary.find("no test nodes"), std::string::npos);
  std::string run = s.folder / "run/";
  EXPECT_EQ(firstValue(run + "best/weights.safetensors", "layer.0.weight"), 4);
  EXPECT_EQ(readAll(run + "predictions.csv"), "id,name,split,label,prediction,probability\n");
  EXPECT_TRUE(Json::parse(readAll(run + "run.json"))["result"]["test"].is_null());
}

TEST(Run, NoEpochsStillTests) {
  Scene s(R"({"num_epochs": 0})");
  auto outcome = s.run();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(firstValue(s.folder / "run/best/weights.safetensors", "layer.0.weight"), 0);
}

TEST(Run, SeveralRunsAreSummarised) {
  Scene s(R"({"num_epochs": 2, "seed": 10})");
  s.options.runs = 3;
  s.options.predictions = PredictionParts::Test;
  auto outcome = s.run();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(s.seeds, (std::vector<uint64_t>{10, 11, 12}));
  std::string run = s.folder / "run/";
  for (const char *seed : {"seed-10", "seed-11", "seed-12"})
    EXPECT_TRUE(fs::exists(run + seed + "/best/weights.safetensors")) << seed;
  EXPECT_EQ(Json::parse(readAll(run + "seed-12/spec.json"))["train"]["seed"], 12);
  Json state = Json::parse(readAll(run + "run.json"));
  EXPECT_EQ(state["result"].size(), 3u);
  std::string csv = readAll(run + "seed-10/predictions.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 11);
  EXPECT_NE(outcome->summary.find("0.9000 \xC2\xB1 0.0000"), std::string::npos) << outcome->summary;
}

TEST(RunReport, MeanAndSampleDeviation) {
  MeanStd value = meanStd({2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_DOUBLE_EQ(value.mean, 5);
  EXPECT_NEAR(value.std, std::sqrt(32.0 / 7), 1e-12);
  EXPECT_EQ(meanStd({3}).std, 0);
  EXPECT_EQ(meanStd({3, NAN}).mean, 3);
  EXPECT_TRUE(std::isnan(meanStd({}).mean));
}

TEST(RunFolder, AFolderInUseIsLeftAlone) {
  TemporaryDirectory folder;
  auto first = RunFolder::create(folder / "a/b/run/", false);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->path(), folder / "a/b/run.partial");
  EXPECT_EQ(exitCodeOf(RunFolder::create(folder / "a/b/run", false).status()), 2);
  std::ofstream((*first)->file("run.json")) << "{}";
  auto second = RunFolder::create(folder / "a/b/run", true);
  EXPECT_NE(messageOf(second.status()).find("another process"), std::string::npos)
      << second.status();
  EXPECT_TRUE(fs::exists((*first)->file("run.json")));
  ASSERT_TRUE((*first)->finish().ok());
  EXPECT_TRUE(fs::exists(folder / "a/b/run/run.json"));
  for (const char *bad : {"", "/", ".", "x/.."})
    EXPECT_EQ(exitCodeOf(RunFolder::check(bad, true)), 2) << bad;
}

TEST(Predictions, CsvFields) {
  EXPECT_EQ(csvField("plain"), "plain");
  EXPECT_EQ(csvField(""), "");
  EXPECT_EQ(csvField("a,b"), "\"a,b\"");
  EXPECT_EQ(csvField("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(csvField("a\nb"), "\"a\nb\"");
  EXPECT_EQ(csvField("a\rb"), "\"a\rb\"");
  EXPECT_EQ(csvField(" a"), "\" a\"");
  EXPECT_EQ(csvField("\xE7\x94\xB5\xE5\xBD\xB1"), "\xE7\x94\xB5\xE5\xBD\xB1");
}

TEST(Predictions, SeveralLabelsOfOneNode) {
  TemporaryDirectory folder;
  FakeGraph graph(4, 2, /*multilabel=*/true); // node 3 has both labels, node 0 none
  graph.setSplit(0, 0, 4);
  graph.originalIds = {"a,b", "x", "y", "z"};
  auto plan = fakePlan(0, R"({"num_epochs": 1})", 2, true);
  plan->task->classes = {"one|uno", "two"};
  FakeExecutor executor(*plan, graph);
  TrainSettings settings = *readTrainSettings(*plan, "p", {});
  auto evaluator = Evaluator::create(*plan, executor, graph.view, settings);
  ASSERT_TRUE(evaluator.ok());
  std::vector<int64_t> ids = {0, 1, 2, 3};
  auto evaluation = evaluator->evaluate(ids, {});
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_DOUBLE_EQ(evaluation->scores.metrics[0].value, 1);
  std::string path = folder / "p.csv";
  ASSERT_TRUE(writePredictions(path, *plan, graph, *evaluator, {{"test", &*evaluation}}).ok());
  EXPECT_EQ(readAll(path), "id,name,split,label,prediction,probability\n"
                            "\"a,b\",,test,,,\n"
                            "x,,test,one\\|uno,one\\|uno,0.880797\n"
                            "y,,test,two,two,0.880797\n"
                            "z,,test,one\\|uno|two,one\\|uno|two,0.880797|0.880797\n");
  auto examples = examplePredictions(*plan, graph, *evaluator, *evaluation, 9, 0);
  ASSERT_EQ(examples.size(), 4u);
  EXPECT_NE(std::find(examples.begin(), examples.end(), "a,b -> none, true none"), examples.end());
}

TEST(Predictions, ExamplesAreReadable) {
  FakeGraph graph(30);
  graph.setSplit(10, 20, 30);
  graph.names.assign(30, "dog: a member of the genus Canis that has been domesticated by man since "
                         "prehistoric times\n");
  auto plan = fakePlan(0, R"({"num_epochs": 1})");
  FakeExecutor executor(*plan, graph);
  TrainSettings settings = *readTrainSettings(*plan, "p", {});
  auto evaluator = Evaluator::create(*plan, executor, graph.view, settings);
  auto evaluation = evaluator->evaluate(std::span<const int64_t>(graph.ids).subspan(20), {});
  ASSERT_TRUE(evaluation.ok());
  auto examples = examplePredictions(*plan, graph, *evaluator, *evaluation, 5, 3);
  ASSERT_EQ(examples.size(), 5u);
  EXPECT_EQ(examples, examplePredictions(*plan, graph, *evaluator, *evaluation, 5, 3));
  EXPECT_EQ(examples[0].substr(0, 62),
            "dog: a member of the genus Canis that has been domesticat... -");
  EXPECT_NE(examples[0].find("(0.79), true class"), std::string::npos) << examples[0];
}

} // namespace
} // namespace heddle::train
