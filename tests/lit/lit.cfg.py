# What every lit test of Heddle shares. Substitutions:
#   %inputs   tests/lit/Inputs     %examples  examples/     %src_root  the repository
#   %wrong    CALL: exits with 2 and one line, which goes to stdout
# Tools are found on PATH: those of the build first, then FileCheck, not, diff.
import os

import lit.formats
from lit.llvm import llvm_config

config.name = "heddle"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.heddle_exec_root
llvm_config.use_default_substitutions()
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.heddle_tools_dir, append_path=True)
config.substitutions.append(("%inputs", os.path.join(config.test_source_root, "Inputs")))
config.substitutions.append(("%wrong", "sh " + os.path.join(config.test_source_root, "Inputs", "wrong.sh")))
config.substitutions.append(("%src_root", config.heddle_source_dir))
config.substitutions.append(("%examples", os.path.join(config.heddle_source_dir, "examples")))
# NVIDIA's assembler, where its toolkit is: no device is needed for it.
if any(os.access(os.path.join(folder, "ptxas"), os.X_OK)
       for folder in os.environ.get("PATH", "").split(os.pathsep)
       + [os.path.join(os.environ.get("CUDA_HOME", "/usr/local/cuda"), "bin"), "/usr/local/cuda/bin"]):
    config.available_features.add("ptxas")
config.environment.update({name: os.environ[name] for name in ["CUDA_HOME"] if name in os.environ})
