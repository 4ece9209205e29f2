//===- CudaQueue.h - the compute ops of one step on a GPU --------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Batches are sampled on the device where it can. What the host's sample and fetch queues have prepared is
// copied to the device in one piece (arrays that stay the same from step to step once), then the ops run on streams. The host waits
// for the loss, before it starts the first op that changes a state. The end of a training step it does not wait
// for: the next step's ops come behind it, and so does the sampling that writes the step's arrays anew.
//
// Ops that run one kernel and do not depend on each other are one launch (Groups.h).
//
// Where a step repeats the one before, in all its sizes and addresses, as training on the whole graph
// does, its ops are recorded once and played again: starting many small kernels one by one takes longer
// than they run.
//
// Collectives work on the device's arrays where the transport takes them. Else they exchange host memory:
// their inputs are copied back before, their outputs to the device after.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_CUDA_CUDAQUEUE_H
#define HEDDLE_RUNTIME_CUDA_CUDAQUEUE_H

#include "runtime/cuda/CudaSampler.h"
#include "runtime/cuda/Features.h"
#include "runtime/cuda/Groups.h"
#include "runtime/cuda/Kernels.h"
#include "runtime/cuda/Relations.h"
#include "runtime/cuda/Schedule.h"
#include "runtime/cuda/StepRows.h"
#include "runtime/exec/Device.h"

#include <vector>

namespace heddle::cuda {

/// What the entries of an executor have in common on a device.
struct Resident {
  const Session &session;
  const Kernels &kernels;
  const SamplingModule &sampling;
  const Relations &relations;
  const Features &features;
  LearnableRows &rows;
  const plan::PlanT &plan;
  const graph::GraphStore &graph;
  const exec::States &states;
  const std::vector<DevicePointer> &statePointers; ///< 0: not kept, or in tiers
};

class CudaQueue final : public exec::StepCompute {
public:
  CudaQueue(const Resident &resident, const plan::EntryT &entry, exec::CommQueue *comm);
  ~CudaQueue() override;
  /// `budget`: of what a batch takes on the host.
  absl::Status initialize(exec::MemoryBudget &budget);

  bool takes(const plan::OpT &op) const override;
  exec::StepSampler *sampler() override { return sampler_.get(); }
  absl::Status begin() override;
  absl::Status prepare(exec::StepSlot &slot, uint64_t &arenaGrowths,
                       exec::Trace::Track *commTrack) override;
  absl::Status execute(const exec::StepSlot &slot,
                       std::span<exec::Trace::Track *const> tracks) override;
  absl::Status end() override;
  bool mixesWaves() const override { return false; }
  double commStallSeconds() const override { return double(commStallNs_) * 1e-9; }
  uint64_t arenaBytes() const override { return arena_.capacity(); }
  const void *output(uint32_t buffer) const override { return host_[buffer]; }

private:
  enum class Kind : uint8_t { Kernel, Products, Merge, FetchRows, Comm };
  struct Op {
    const plan::OpT *op = nullptr;
    Kind kind = Kind::Kernel;
    const plan::KernelAttrsT *kernel = nullptr;
    const plan::GemmAttrsT *gemm = nullptr; ///< the first of its products
    size_t firstProduct = 0, endProduct = 0; ///< into products_
    const plan::MergeAttrsT *merge = nullptr;
    size_t firstArgument = 0; ///< into arguments_
    size_t comm = 0;          ///< number in the comm queue
    bool changesState = false;
    int64_t domain = 0; ///< of the step
    bool alias = false; ///< FetchRows: the table is the result
  };
  struct Product {
    const plan::GemmAttrsT *attrs;
    int32_t a, b, c;  ///< buffers
    size_t batch = 0; ///< ParamGrad of heads: its matrices' addresses in batches_
  };
  /// Ops that are launched together, or products that go to one stream.
  struct Launch {
    std::vector<size_t> ops;
    size_t firstEntry = 0; ///< of several: into the list of plan::GpuLaunch
    uint64_t blocks = 0;   ///< of several, in this step; 0: none has anything to do
  };
  struct Order {
    std::vector<Launch> launches;
    size_t cut = 0;     ///< the first of the second part
    size_t loss = SIZE_MAX; ///< the one that writes the loss
    size_t entries = 0; ///< of all lists
    Schedule schedule;  ///< by launch
  };
  /// An array of the step slot that ops read.
  struct Upload {
    uint32_t buffer;
    bool isStatic; ///< the same in every step with the same seeds
  };
  /// Rows that are picked on the device.
  struct Gather {
    uint32_t ids, rows; ///< buffers
    Features::Table *table;
    bool isStatic;
    const plan::OpT *op;
  };
  /// What the device has of one of the host's step slots.
  struct DeviceSlot {
    const exec::StepSlot *slot;
    DeviceMemory memory;
    PinnedMemory staging;
    std::vector<uint64_t> offsets; ///< of uploads_, then of gathers_
    bool complete = false;
  };

  void addOp(const plan::OpT &op, int64_t comm);
  absl::Status upload(const exec::StepSlot &slot);
  absl::Status gather();
  absl::Status makeHostArena(uint64_t bytes);
  void makeOrders();
  Order makeOrder(const std::vector<Accesses> &accesses) const;
  /// Lists of the launches of several ops, for the device.
  void listLaunches();
  /// Where the arena's arrays are in a step; returns its bytes.
  uint64_t layOut();
  static int64_t chunksOf(const Op &op);
  /// On a stream of the session.
  absl::Status runOp(const Op &op, uint32_t stream);
  absl::Status runLaunch(const Launch &launch, uint32_t stream);
  /// Whether it is one launch of several ops.
  bool isList(const Launch &launch) const {
    return launch.ops.size() > 1 && ops_[launch.ops.front()].kind != Kind::Products;
  }
  /// What comes before the loss is looked at (0), and what comes after (1).
  absl::Status runPart(size_t part);
  /// `alone`: what comes before is behind it already, and all of it is when the first stream is.
  absl::Status runLaunches(size_t part, bool alone);
  absl::Status record(GraphExec &graph, size_t part);
  void forgetGraphs();
  /// The addresses of the matrices of products that are made in one call.
  void listMatrices(Product &product, int64_t rows);
  /// `rows` of A times B, of each product of the op in turn.
  absl::Status runProducts(const Op &op, uint32_t stream) const;
  int multiplyRows(const Product &product, int64_t rows, uint32_t stream) const;
  int multiplyChunks(const Product &product, int64_t rows, uint32_t stream) const;
  absl::Status runComm(const Op &op);
  absl::Status executeStep(const exec::StepSlot &slot);
  absl::Status executeTraced(const exec::StepSlot &slot,
                             std::span<exec::Trace::Track *const> tracks);
  /// Results to the host, and the end of the step, if anybody waits for it.
  absl::Status finish(const exec::StepSlot &slot, bool wait);
  absl::Status checkLoss(const exec::StepSlot &slot);
  /// Runs the ops up to the loss again, one by one, and looks at what each wrote.
  std::string firstBad(const exec::StepSlot &slot);
  uint64_t bytesOf(size_t buffer) const;
  DevicePointer pointer(int32_t buffer) const { return device_[size_t(buffer)]; }
  DevicePointer argumentsOf(const Op &op) const {
    return argumentMemory_.data() + op.firstArgument * sizeof(DevicePointer);
  }
  float *floats(int32_t buffer) const { return reinterpret_cast<float *>(pointer(buffer)); }
  void trace(std::span<exec::Trace::Track *const> tracks, const exec::StepSlot &slot,
             uint64_t start);

  const Resident &resident_;
  const Session &session_;
  const Driver &driver_;
  const plan::EntryT &entry_;
  exec::CommQueue *comm_;
  const bool copiesComm_; ///< collectives exchange host memory
  std::vector<Op> ops_;
  std::vector<Product> products_; ///< of all ops in a row
  std::unique_ptr<CudaSampler> sampler_; ///< null: batches are sampled on the host
  std::vector<uint32_t> sampled_;     ///< buffers that it writes and ops or gathers read
  std::vector<Upload> uploads_;
  std::vector<Gather> gathers_;
  std::vector<DeviceSlot> slots_;
  StepRows rows_;
  std::vector<size_t> slotArguments_; ///< of rows_.asked().replaced(), into arguments_
  DeviceMemory arena_, argumentMemory_;
  PinnedMemory argumentStaging_, outputs_;
  HugeMemory hostArena_;           ///< where collectives of host memory work
  std::vector<void *> commArrays_; ///< by buffer: for those of the device's
  std::vector<uint64_t> regionOffsets_, bufferOffsets_;
  /// Arrays that share a region do not let ops run beside each other. Where there is room each has its own
  /// place: [1] is the order for that.
  bool apart_ = false;
  uint64_t mostApart_ = 0;
  Order orders_[2];
  std::vector<DevicePointer> device_; ///< by buffer
  std::vector<void *> host_;          ///< by buffer: slots, states, outputs and what collectives use
  std::vector<int32_t> argumentBuffers_;
  std::vector<DevicePointer> arguments_; ///< of all ops, then batches_ and lists_
  std::vector<DevicePointer> batches_;
  std::vector<plan::GpuLaunch> lists_;
  DevicePointer listMemory_ = 0; ///< lists_ on the device
  std::vector<DevicePointer> uploaded_;  ///< both, as they are on the device
  const exec::StepSlot *lastSlot_ = nullptr;
  std::vector<uint64_t> lastSymbols_;
  bool repeats_ = false; ///< the step is as the one before
  GraphExec graphs_[2] = {nullptr, nullptr};
  std::vector<uint32_t> outputBuffers_; ///< of the arena
  const std::vector<uint64_t> *symbols_ = nullptr;
  bool kept_ = false; ///< arrays that are static are on the device already
  int32_t loss_ = -1;
  size_t lossOp_ = 0, firstChange_ = 0; ///< the op that writes it; the first that changes a state
  size_t cut_ = 0; ///< where the loss is looked at
  Event lossReady_ = nullptr, fork_ = nullptr, joined_[Session::maxStreams] = {};
  Event stepEnded_ = nullptr; ///< of the step that was started last
  /// Whoever reads what a step leaves on the device does so in the first stream, or waits for it.
  bool endsLater_ = false;
  bool used_[Session::maxStreams] = {}; ///< streams of the step at hand
  std::vector<Event> ended_; ///< by launch; null where nobody waits for it
  std::vector<Event> events_; ///< while traced: before each op, and at the end
  uint64_t commStallNs_ = 0;
};

} // namespace heddle::cuda

#endif // HEDDLE_RUNTIME_CUDA_CUDAQUEUE_H
