//===- CodeGen.cpp - hgnn.kernel ops to machine code -----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/CodeGen.h"
#include "compiler/codegen/DeviceFunctions.h"
#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/Link.h"
#include "runtime/plan/GpuCode.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/Utils/LoopUtils.h"

#include <algorithm>
#include <functional>
#include <map>
#include <thread>

using namespace mlir;
using namespace heddle;
using namespace heddle::compiler;

static void loadDialects(MLIRContext *context) {
  context->loadDialect<arith::ArithDialect, scf::SCFDialect, LLVM::LLVMDialect,
                       cf::ControlFlowDialect>();
}

FailureOr<KernelSignature> heddle::compiler::analyzeKernel(hgnn::KernelOp kernel) {
  loadDialects(kernel.getContext());
  // Emitting is cheap; only so can what is said of a kernel not differ from what it is.
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(kernel.getLoc());
  return KernelEmitter(kernel, *findTarget("x86-64-v3"), *scratch).emit();
}

//===----------------------------------------------------------------------===//
// From kernels to an optimised LLVM module
//===----------------------------------------------------------------------===//

namespace {

struct TargetModule {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::vector<KernelSignature::Threads> threads;
  std::vector<uint32_t> functions; ///< of each kernel, the one whose code is its own too
};

/// Finds functions of the same code. Kernels of different structure come out alike where shapes or the
/// place of their rows do not matter: optimizer steps of all parameters, rows by any index.
class SameCode {
public:
  /// The number that a function of the same code was given with, or else this one.
  uint32_t find(LLVM::LLVMFuncOp function, uint32_t number) {
    llvm::hash_code hash = 0;
    function.getBody().walk([&](Operation *op) {
      hash = llvm::hash_combine(
          hash, OperationEquivalence::computeHash(op, OperationEquivalence::ignoreHashValue,
                                                  OperationEquivalence::ignoreHashValue,
                                                  OperationEquivalence::IgnoreLocations));
    });
    auto &some = byHash[size_t(hash)];
    for (auto &[other, its] : some)
      if (OperationEquivalence::isRegionEquivalentTo(&function.getBody(), &other.getBody(),
                                                     OperationEquivalence::IgnoreLocations))
        return its;
    some.emplace_back(function, number);
    return number;
  }

private:
  std::map<size_t, SmallVector<std::pair<LLVM::LLVMFuncOp, uint32_t>, 1>> byHash;
};

/// Fills `threads` and `functions` of the result (TargetModule).
FailureOr<OwningOpRef<ModuleOp>> emitKernels(ModuleOp module, ArrayRef<KernelSignature> signatures,
                                             const TargetSpec &target, TargetModule &made) {
  OwningOpRef<ModuleOp> result = ModuleOp::create(module.getLoc());
  SymbolTable symbols(module);
  SameCode code;
  for (const KernelSignature &expected : signatures) {
    auto kernel = symbols.lookup<hgnn::KernelOp>(expected.symbol);
    if (!kernel)
      return module.emitError("there is no kernel @") << expected.symbol << " to compile";
    FailureOr<KernelSignature> actual = KernelEmitter(kernel, target, *result).emit();
    if (failed(actual))
      return failure();
    if (actual->args != expected.args || actual->mode != expected.mode)
      return kernel.emitError("was analysed with other arguments than it is compiled with; analyse "
                              "it again after changing it");
    const uint32_t number = uint32_t(made.functions.size());
    auto function = cast<LLVM::LLVMFuncOp>(result->getBody()->back());
    const uint32_t same = code.find(function, number);
    if (same != number)
      function.erase();
    made.threads.push_back(actual->threads);
    made.functions.push_back(same);
  }
  if (target.isGpu())
    emitDeviceFunctions(*result, target.lanes);
  return result;
}

LogicalResult lowerToLlvm(ModuleOp module) {
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  passes.enableVerifier(false); // of what only we build; LLVM's own runs afterwards
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  return passes.run(module);
}

std::unique_ptr<llvm::TargetMachine> makeMachine(const TargetSpec &target) {
  std::string error;
  llvm::Triple triple(target.triple);
  const llvm::Target *backEnd = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backEnd)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(
      backEnd->createTargetMachine(triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
                                   llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
}

/// The loops are already in the shape that is wanted: what helps is cleaning, hoisting and
/// addressing. Nothing here may turn arithmetic around.
constexpr const char *middleEnd =
    "function(simplifycfg,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
    "loop-mssa(loop-rotate,licm),gvn<no-load-pre>,simplifycfg)";

/// On a GPU several rounds of short loops at once, so that their loads are under way together.
struct MarkForUnrolling : llvm::PassInfoMixin<MarkForUnrolling> {
  static constexpr unsigned rounds = 4, longest = 64; ///< instructions

  llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses) {
    for (llvm::Loop *loop : analyses.getResult<llvm::LoopAnalysis>(function).getLoopsInPreorder()) {
      unsigned size = 0;
      for (llvm::BasicBlock *block : loop->blocks())
        size += unsigned(block->size());
      if (loop->isInnermost() && size <= longest)
        llvm::addStringMetadataToLoop(loop, "llvm.loop.unroll.count", rounds);
    }
    return llvm::PreservedAnalyses::all();
  }
};
constexpr const char *afterMarking = "function(loop-unroll<O2;runtime;partial>,early-cse<memssa>,"
                                     "instcombine<no-verify-fixpoint>,simplifycfg)";

FailureOr<TargetModule> makeTargetModule(ModuleOp module, ArrayRef<KernelSignature> signatures,
                                         const TargetSpec &target) {
  TargetModule result;
  auto lowered = emitKernels(module, signatures, target, result);
  if (failed(lowered))
    return failure();
  if (failed(lowerToLlvm(**lowered)))
    return module.emitError("kernels could not be lowered to LLVM for ") << target.name;
  result.context = std::make_unique<llvm::LLVMContext>();
  result.module = translateModuleToLLVMIR(**lowered, *result.context, "heddle_kernels");
  result.machine = makeMachine(target);
  if (!result.module || !result.machine)
    return module.emitError("kernels could not be translated to LLVM IR for ") << target.name;
  result.module->setDataLayout(result.machine->createDataLayout());
  result.module->setTargetTriple(llvm::Triple(target.triple));
  for (auto [number, same] : llvm::enumerate(result.functions))
    if (same != number && !target.isGpu()) // PTX has no other names for kernels
      llvm::GlobalAlias::create(signatures[number].symbol,
                                result.module->getFunction(signatures[same].symbol));
  for (llvm::Function &function : *result.module)
    if (!function.isDeclaration()) {
      function.addFnAttr(llvm::Attribute::NoUnwind);
      // Without a bound on the threads of a block (nvvm.maxntid): told one, ptxas aims at one more block
      // on a multiprocessor and spills for it. 256 threads fit with any number of registers.
      if (target.isGpu()) {
        function.setCallingConv(llvm::CallingConv::PTX_Kernel);
        function.addFnAttr("no-jump-tables", "true"); // few ways, and a table is in memory
      }
    }

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(result.machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes;
  if (auto error = builder.parsePassPipeline(passes, middleEnd))
    return module.emitError("internal: ") << llvm::toString(std::move(error));
  if (target.isGpu()) {
    passes.addPass(llvm::createModuleToFunctionPassAdaptor(MarkForUnrolling()));
    if (auto error = builder.parsePassPipeline(passes, afterMarking))
      return module.emitError("internal: ") << llvm::toString(std::move(error));
  }
  passes.run(*result.module, modules);
  return result;
}

/// What the back end makes of the module.
FailureOr<llvm::SmallVector<char, 0>> makeCode(ModuleOp module, TargetModule &target,
                                               llvm::CodeGenFileType type,
                                               const std::string &name) {
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  if (target.machine->addPassesToEmitFile(passes, stream, nullptr, type))
    return module.emitError("LLVM cannot write code for ") << name;
  passes.run(*target.module);
  return code;
}

FailureOr<std::vector<uint8_t>> makeSharedObject(ModuleOp module, TargetModule &target,
                                                 const std::string &name) {
  auto object = makeCode(module, target, llvm::CodeGenFileType::ObjectFile, name);
  if (failed(object))
    return failure();
  std::string error;
  std::vector<uint8_t> library = linkSharedObject(*object, error);
  if (library.empty())
    return module.emitError("kernels for ") << name << " could not be linked: " << error;
  return library;
}

/// PTX up to what says its version and target, and the rest.
std::pair<llvm::StringRef, llvm::StringRef> splitPtx(llvm::ArrayRef<char> text) {
  llvm::StringRef all(text.data(), text.size());
  const size_t at = all.find('\n', all.find("\n.address_size"));
  return {all.substr(0, at), all.substr(at)};
}

/// What PTX for a target begins with.
FailureOr<std::string> makePreamble(ModuleOp module, const TargetSpec &spec) {
  TargetModule empty;
  empty.context = std::make_unique<llvm::LLVMContext>();
  empty.module = std::make_unique<llvm::Module>("heddle_kernels", *empty.context);
  empty.machine = makeMachine(spec);
  if (!empty.machine)
    return module.emitError("LLVM has no back end for ") << spec.name;
  empty.module->setDataLayout(empty.machine->createDataLayout());
  empty.module->setTargetTriple(llvm::Triple(spec.triple));
  auto text = makeCode(module, empty, llvm::CodeGenFileType::AssemblyFile, spec.name.str());
  if (failed(text))
    return failure();
  return splitPtx(*text).first.str();
}

/// The libraries of all GPUs that code is asked for. A GPU runs text for older ones, and none of
/// what we emit looks different to LLVM for a newer one: the text is made for the oldest, and that
/// of the others differs by the lines that name their target.
LogicalResult makePtx(ModuleOp module, ArrayRef<KernelSignature> signatures,
                      ArrayRef<std::pair<const TargetSpec *, CompiledLibrary *>> gpus) {
  auto capability = [](const auto &gpu) {
    unsigned number = 0;
    return gpu.first->name.drop_front(3).getAsInteger(10, number) ? ~0u : number;
  };
  const auto &[spec, library] =
      *std::min_element(gpus.begin(), gpus.end(), [&](const auto &a, const auto &b) {
        return capability(a) < capability(b);
      });
  auto target = makeTargetModule(module, signatures, *spec);
  if (failed(target))
    return failure();
  auto text = makeCode(module, *target, llvm::CodeGenFileType::AssemblyFile, spec->name.str());
  if (failed(text))
    return failure();
  const auto [preamble, ptx] = splitPtx(*text);
  // A function of a library that the device does not have fails only when the text is loaded there.
  if (size_t at = ptx.find(".extern .func"); at != llvm::StringRef::npos)
    return module.emitError("kernels for ")
           << spec->name
           << " need a function that no device has: " << ptx.substr(at).split('\n').first;
  for (const auto &[otherSpec, other] : gpus) {
    *other = {otherSpec->name.str(), {}, target->threads, target->functions, preamble.str(), {}};
    if (other == library) {
      other->object.assign(ptx.bytes_begin(), ptx.bytes_end());
      continue;
    }
    other->textOf = spec->name.str();
    FailureOr<std::string> own = makePreamble(module, *otherSpec);
    if (failed(own))
      return failure();
    other->preamble = std::move(*own);
  }
  return success();
}

const TargetSpec *requireTarget(ModuleOp module, const std::string &name) {
  if (const TargetSpec *target = findTarget(name))
    return target;
  auto error = module.emitError("unknown kernel target '") << name << "'; known here are";
  for (const std::string &known : kernelTargets())
    error << " " << known;
  for (const std::string &known : gpuTargets())
    error << " " << known;
  return nullptr;
}

} // namespace

//===----------------------------------------------------------------------===//
// Interface
//===----------------------------------------------------------------------===//

void heddle::compiler::prepareCodeGen(MLIRContext &context) {
  loadDialects(&context);
  // Those that passes depend on too: running passes must have nothing to add to the registry, which
  // several threads would then change.
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, scf::SCFDialect, LLVM::LLVMDialect, cf::ControlFlowDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  context.appendDialectRegistry(registry);
}

FailureOr<std::vector<CompiledLibrary>>
heddle::compiler::compileKernels(ModuleOp module, ArrayRef<KernelSignature> signatures,
                                 ArrayRef<std::string> targets,
                                 llvm::function_ref<void()> meanwhile) {
  prepareCodeGen(*module.getContext());
  std::vector<CompiledLibrary> libraries(targets.size());
  std::vector<const TargetSpec *> specs;
  for (const std::string &name : targets)
    if (specs.push_back(requireTarget(module, name)); !specs.back())
      return failure();
  SmallVector<std::pair<const TargetSpec *, CompiledLibrary *>> gpus;
  SmallVector<size_t> levels;
  for (auto [number, spec] : llvm::enumerate(specs))
    if (spec->isGpu())
      gpus.emplace_back(spec, &libraries[number]);
    else
      levels.push_back(number);
  std::atomic<bool> ok = true;
  auto compile = [&](size_t number) {
    auto target = makeTargetModule(module, signatures, *specs[number]);
    if (failed(target)) {
      ok = false;
      return;
    }
    auto object = makeSharedObject(module, *target, targets[number]);
    if (failed(object))
      ok = false;
    else
      libraries[number].target = targets[number], libraries[number].object = std::move(*object);
  };
  // Code for GPUs takes longest, and is begun first.
  SmallVector<std::function<void()>> pieces;
  if (!gpus.empty())
    pieces.emplace_back([&] {
      if (failed(makePtx(module, signatures, gpus)))
        ok = false;
    });
  for (size_t number : levels)
    pieces.emplace_back([&compile, number] { compile(number); });
  if (meanwhile)
    pieces.emplace_back(meanwhile);
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t number; (number = next++) < pieces.size();)
      pieces[number]();
  };
  std::vector<std::thread> others;
  if (module.getContext()->isMultithreadingEnabled())
    for (size_t threads = std::thread::hardware_concurrency();
         others.size() + 1 < std::min(threads, pieces.size());)
      others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
  if (!ok)
    return failure();
  return libraries;
}

FailureOr<std::string> heddle::compiler::kernelsToLlvmIr(ModuleOp module,
                                                         ArrayRef<KernelSignature> signatures,
                                                         const std::string &name) {
  prepareCodeGen(*module.getContext());
  const TargetSpec *spec = requireTarget(module, name);
  if (!spec)
    return failure();
  auto target = makeTargetModule(module, signatures, *spec);
  if (failed(target))
    return failure();
  std::string text;
  llvm::raw_string_ostream stream(text);
  target->module->print(stream, nullptr);
  return text;
}
