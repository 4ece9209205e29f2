//===- Cli.cpp - what every heddle tool shares --------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tools/support/Cli.h"

#include "runtime/base/Failure.h"
#include "runtime/base/Suggest.h"

#include <cstdio>
#include <exception>
#include <iostream>

namespace heddle::cli {
namespace {

/// The option names ("--graph", "-o") that `app` and its parsed subcommands know.
std::vector<std::string> optionNames(const CLI::App &app) {
  std::vector<std::string> names;
  auto add = [&](const CLI::App &of) {
    for (const CLI::Option *option : of.get_options()) {
      for (const std::string &name : option->get_lnames())
        names.push_back("--" + name);
      for (const std::string &name : option->get_snames())
        names.push_back("-" + name);
    }
  };
  add(app);
  for (const CLI::App *sub : app.get_subcommands())
    add(*sub);
  return names;
}

std::string oneLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  for (char &c : text)
    if (c == '\n' || c == '\r')
      c = ' ';
  return text;
}

int fail(const CLI::App &app, const std::string &message, int code) {
  std::cout.flush();
  std::fprintf(stderr, "%s: error: %s\n", app.get_name().c_str(), oneLine(message).c_str());
  return code;
}

/// What to say about arguments that nothing took, or "" if there are none.
std::string describeExtras(const CLI::App &app, const std::map<std::string, std::string> &aliases) {
  std::vector<std::string> rest = app.remaining(/*recurse=*/true);
  // An unknown option's own value is left over too: the option is what the user got wrong.
  for (const std::string &word : rest) {
    if (word.size() < 2 || word[0] != '-' || word == "--")
      continue;
    std::string name = word.substr(0, word.find('='));
    std::string near = nearestName(name, optionNames(app), aliases);
    std::string text = "unknown option '" + name + "'";
    return text + (near.empty() ? "; see --help" : "; did you mean '" + near + "'?");
  }
  for (const std::string &word : rest)
    if (word != "--")
      return "unexpected argument '" + word + "'; see --help";
  return "";
}

} // namespace

std::string version() { return HEDDLE_VERSION; }

void setUp(CLI::App &app, const std::string &tool, const std::string &description,
           const std::string &examples) {
  static const std::string name = tool;
  endWithMessage(name.c_str());
  app.name(tool);
  app.description(description);
  app.set_version_flag("--version", tool + " " HEDDLE_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.get_formatter()->column_width(36);
  if (!examples.empty())
    app.footer("Examples:\n" + examples);
}

void print(const std::string &text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.empty() && text.back() != '\n')
    std::fputc('\n', stdout);
}

int run(CLI::App &app, int argc, char **argv, const std::map<std::string, std::string> &aliases,
        const std::function<absl::Status()> &body) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &done) { // --help, --version
    return app.exit(done);
  } catch (const CLI::ParseError &error) {
    // A misspelt required option is reported as missing by the parser: the slip is the better news.
    std::string extras = describeExtras(app, aliases);
    return fail(app, extras.empty() ? std::string(error.what()) + "; see --help" : extras, 2);
  }
  try {
    absl::Status status = body();
    if (!status.ok())
      return fail(app, messageOf(status), exitCodeOf(status));
  } catch (const std::exception &error) {
    return fail(app, messageOf(statusOf(error)), 1);
  }
  std::cout.flush();
  return 0;
}

} // namespace heddle::cli
