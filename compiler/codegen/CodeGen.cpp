//===- CodeGen.cpp - hgnn.kernel ops to shared objects ---------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/CodeGen.h"
#include "compiler/codegen/KernelEmitter.h"
#include "compiler/codegen/Link.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

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
};

FailureOr<OwningOpRef<ModuleOp>> emitKernels(ModuleOp module, ArrayRef<KernelSignature> signatures,
                                             const TargetSpec &target) {
  OwningOpRef<ModuleOp> result = ModuleOp::create(module.getLoc());
  SymbolTable symbols(module);
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
  }
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
      backEnd->createTargetMachine(triple, target.cpu, "", options, llvm::Reloc::PIC_,
                                   llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
}

/// The loops are already in the shape that is wanted: what helps is cleaning, hoisting and
/// addressing. Nothing here may turn arithmetic around.
constexpr const char *middleEnd =
    "function(simplifycfg,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
    "loop-mssa(loop-rotate,licm),gvn<no-load-pre>,simplifycfg)";

FailureOr<TargetModule> makeTargetModule(ModuleOp module, ArrayRef<KernelSignature> signatures,
                                         const TargetSpec &target) {
  auto lowered = emitKernels(module, signatures, target);
  if (failed(lowered))
    return failure();
  if (failed(lowerToLlvm(**lowered)))
    return module.emitError("kernels could not be lowered to LLVM for ") << target.name;
  TargetModule result;
  result.context = std::make_unique<llvm::LLVMContext>();
  result.module = translateModuleToLLVMIR(**lowered, *result.context, "heddle_kernels");
  result.machine = makeMachine(target);
  if (!result.module || !result.machine)
    return module.emitError("kernels could not be translated to LLVM IR for ") << target.name;
  result.module->setDataLayout(result.machine->createDataLayout());
  result.module->setTargetTriple(llvm::Triple(target.triple));
  for (llvm::Function &function : *result.module)
    if (!function.isDeclaration())
      function.addFnAttr(llvm::Attribute::NoUnwind);

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
  passes.run(*result.module, modules);
  return result;
}

FailureOr<std::vector<uint8_t>> makeSharedObject(ModuleOp module, TargetModule &target,
                                                 const std::string &name) {
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (target.machine->addPassesToEmitFile(passes, stream, nullptr,
                                          llvm::CodeGenFileType::ObjectFile))
    return module.emitError("LLVM cannot write object files for ") << name;
  passes.run(*target.module);
  std::string error;
  std::vector<uint8_t> library = linkSharedObject(object, error);
  if (library.empty())
    return module.emitError("kernels for ") << name << " could not be linked: " << error;
  return library;
}

const TargetSpec *requireTarget(ModuleOp module, const std::string &name) {
  if (const TargetSpec *target = findTarget(name))
    return target;
  auto error = module.emitError("unknown kernel target '") << name << "'; known here are";
  for (const std::string &known : kernelTargets())
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
                                 ArrayRef<std::string> targets) {
  prepareCodeGen(*module.getContext());
  std::vector<CompiledLibrary> libraries(targets.size());
  std::vector<const TargetSpec *> specs;
  for (const std::string &name : targets)
    if (specs.push_back(requireTarget(module, name)); !specs.back())
      return failure();
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
      libraries[number] = {targets[number], std::move(*object)};
  };
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t number; (number = next++) < targets.size();)
      compile(number);
  };
  if (module.getContext()->isMultithreadingEnabled() && targets.size() > 1) {
    std::thread other(work);
    work();
    other.join();
  } else {
    work();
  }
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
