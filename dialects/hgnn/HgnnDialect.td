//===- HgnnDialect.td - the hgnn dialect, its attributes and types --------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HGNN_DIALECT_TD
#define HGNN_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Hgnn_Dialect : Dialect {
  let name = "hgnn";
  let summary = "Training of heterogeneous graph neural networks";
  let description = [{
    A module goes through phases (model, metatree, training, cached, kernels); the same compute ops serve in
    all of them. What changes is the iteration domain in the types: generic (`src`, `dst`, `edge`) in
    the layer programs of the model phase, concrete (`rows(hop, @type)`, `edges(hop, @relation)`,
    `active(hop, @relation)`, `unique(hop, @relation)`) afterwards. Reordering is then a local rewrite, because every change of
    domain is an op of its own. See RATIONALE.md.
  }];
  let cppNamespace = "::heddle::hgnn";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1; // hgnn.group
  let extraClassDeclaration = [{
  private:
    // In HgnnTypes.cpp, so that the many op definitions compile apart from types and attributes.
    void registerTypesAndAttributes();

  public:
  }];
}

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

class Hgnn_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::heddle::hgnn";
  let genSpecializedAttr = 0;
}
class Hgnn_EnumAttr<EnumAttrInfo info, string mnemonic> : EnumAttr<Hgnn_Dialect, info, mnemonic> {
  // A bare keyword in the op's own syntax: `hgnn.unary relu %x`.
  let assemblyFormat = "$value";
}

def Hgnn_DomainKind : Hgnn_Enum<"DomainKind", "iteration domain", [
  I32EnumAttrCase<"Param", 0, "param">,
  I32EnumAttrCase<"Rows", 1, "rows">,
  I32EnumAttrCase<"Edges", 2, "edges">,
  I32EnumAttrCase<"Active", 3, "active">,
  I32EnumAttrCase<"Src", 4, "src">,
  I32EnumAttrCase<"Dst", 5, "dst">,
  I32EnumAttrCase<"Edge", 6, "edge">,
  I32EnumAttrCase<"Unique", 7, "unique">]>;

def Hgnn_PlacementKind : Hgnn_Enum<"PlacementKind", "placement of a value", [
  I32EnumAttrCase<"Replicated", 0, "replicated">,
  I32EnumAttrCase<"Owned", 1, "owned">,
  I32EnumAttrCase<"PartialSum", 2, "partial_sum">,
  I32EnumAttrCase<"PartialMax", 3, "partial_max">,
  I32EnumAttrCase<"PartialSoftmax", 4, "partial_softmax">,
  I32EnumAttrCase<"Kept", 5, "kept">]>;

def Hgnn_UnaryFn : Hgnn_Enum<"UnaryFn", "element-wise function", [
  I32EnumAttrCase<"Relu", 0, "relu">, I32EnumAttrCase<"Elu", 1, "elu">,
  I32EnumAttrCase<"Tanh", 2, "tanh">, I32EnumAttrCase<"Sigmoid", 3, "sigmoid">,
  I32EnumAttrCase<"Gelu", 4, "gelu">, I32EnumAttrCase<"LeakyRelu", 5, "leaky_relu">,
  I32EnumAttrCase<"Reciprocal", 6, "reciprocal">, I32EnumAttrCase<"Exp", 7, "exp">,
  I32EnumAttrCase<"Log", 8, "log">, I32EnumAttrCase<"Softplus", 9, "softplus">,
  I32EnumAttrCase<"Rsqrt", 10, "rsqrt">]>;
def Hgnn_UnaryFnAttr : Hgnn_EnumAttr<Hgnn_UnaryFn, "unary_fn">;

def Hgnn_BatchReduction : Hgnn_Enum<"BatchReduction", "how the rows of a batch are reduced", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">]>;
def Hgnn_BatchReductionAttr : Hgnn_EnumAttr<Hgnn_BatchReduction, "batch_reduction">;

def Hgnn_Combine : Hgnn_Enum<"Combine", "cross-relation combine", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">,
  I32EnumAttrCase<"Max", 2, "max">, I32EnumAttrCase<"Softmax", 3, "softmax">]>;
def Hgnn_CombineAttr : Hgnn_EnumAttr<Hgnn_Combine, "combine">;

// How terms are merged, and so what a row of one is. Of a value of n numbers:
//   sum      the n numbers; empty: 0
//   max      the n numbers; empty: -inf
//   argmax   the n numbers and, for each, what it comes from (a relation's canonical id, or the position of
//            an edge among its destination's); empty: -inf, +inf
//   softmax  of h heads of n / h numbers each: n sums o, of each head the largest score m, of each the sum
//            s of e^(score - m); o = sum of e^(score - m) value; empty: 0, -inf, 0
// Merging is associative, and a term merged with an empty one is itself. max is argmax without what
// only a gradient needs.
def Hgnn_Merge : Hgnn_Enum<"Merge", "how terms are merged", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Max", 1, "max">,
  I32EnumAttrCase<"Argmax", 2, "argmax">, I32EnumAttrCase<"Softmax", 3, "softmax">]>;

def Hgnn_Scope : Hgnn_Enum<"Scope", "who shares a parameter of a layer", [
  I32EnumAttrCase<"Layer", 0, "layer">, I32EnumAttrCase<"Relation", 1, "relation">,
  I32EnumAttrCase<"SourceType", 2, "source_type">,
  I32EnumAttrCase<"DestinationType", 3, "destination_type">]>;
def Hgnn_ScopeAttr : Hgnn_EnumAttr<Hgnn_Scope, "scope">;

def Hgnn_EntryKind : Hgnn_Enum<"EntryKind", "what an entry is for", [
  I32EnumAttrCase<"Train", 0, "train_step">, I32EnumAttrCase<"Eval", 1, "eval_step">,
  I32EnumAttrCase<"Infer", 2, "infer_layer">]>;
def Hgnn_EntryKindAttr : Hgnn_EnumAttr<Hgnn_EntryKind, "entry_kind">;

def Hgnn_ScalarKind : Hgnn_Enum<"ScalarKind", "run-time scalar of a step", [
  I32EnumAttrCase<"InvLabelCount", 0, "inv_label_count">,
  I32EnumAttrCase<"LearningRate", 1, "learning_rate">,
  I32EnumAttrCase<"BiasCorrection1", 2, "bias_correction1">,
  I32EnumAttrCase<"BiasCorrection2", 3, "bias_correction2">]>;
def Hgnn_ScalarKindAttr : Hgnn_EnumAttr<Hgnn_ScalarKind, "scalar_kind">;

def Hgnn_StateRole : Hgnn_Enum<"StateRole", "role of a state", [
  I32EnumAttrCase<"Parameter", 0, "parameter">, I32EnumAttrCase<"EmbeddingRows", 1, "embedding_rows">,
  I32EnumAttrCase<"Moment1", 2, "moment1">, I32EnumAttrCase<"Moment2", 3, "moment2">,
  I32EnumAttrCase<"RowSteps", 4, "row_steps">, I32EnumAttrCase<"Hidden", 5, "hidden">]>;
def Hgnn_StateRoleAttr : Hgnn_EnumAttr<Hgnn_StateRole, "state_role">;

def Hgnn_OptimizerKind : Hgnn_Enum<"OptimizerKind", "update rule", [
  I32EnumAttrCase<"Sgd", 0, "sgd">, I32EnumAttrCase<"Adam", 1, "adam">,
  I32EnumAttrCase<"AdamW", 2, "adamw">]>;
def Hgnn_OptimizerKindAttr : Hgnn_EnumAttr<Hgnn_OptimizerKind, "optimizer_kind">;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

def Hgnn_MergeAttr : AttrDef<Hgnn_Dialect, "Merge"> {
  let mnemonic = "merge";
  let summary = "How terms are merged";
  let description = [{`sum`, `max`, `argmax`, `softmax`, or `softmax<4>`: of 4 heads, each with a softmax of its
    own. `softmax<"num_heads">` in a layer's file: as many as that expression gives (see hgnn.layer).}];
  let parameters = (ins "::heddle::hgnn::Merge":$kind, "int64_t":$heads,
                        OptionalParameter<"::mlir::StringAttr">:$expression);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  // Ops give and take a rule, which compares with and is made of an enumerator.
  let returnType = "::heddle::hgnn::MergeRule";
  let convertFromStorage = "$_self.getValue()";
  let constBuilderCall = "::heddle::hgnn::MergeAttr::get($_builder.getContext(), $0)";
  let extraClassDeclaration = [{
    static MergeAttr get(::mlir::MLIRContext *context, MergeRule rule) {
      return get(context, rule.kind, rule.heads, ::mlir::StringAttr());
    }
    MergeRule getValue() const { return {getKind(), getHeads()}; }
  }];
}

def Hgnn_DomainAttr : AttrDef<Hgnn_Dialect, "Domain"> {
  let mnemonic = "domain";
  let summary = "What the leading dimension of a value iterates over";
  let description = [{
    `rows(0, @paper)`: the rows of node type @paper in the frontier at hop 0 (the seeds).
    `edges(0, @"a:writes:p")`: the sampled in-edges, over one relation, of rows at hop 0; their
    sources are rows at hop 1. `active(0, @"a:writes:p")`: the destinations with at least one such
    edge. `unique(0, @"a:writes:p")`: the distinct sources of those edges, of the rows at hop 1 those that
    are read over this relation. `param`: no leading dimension, the shape says all. `src`, `dst`, `edge`:
    generic, in the layer programs of the model phase.
  }];
  let parameters = (ins "::heddle::hgnn::DomainKind":$kind, "int64_t":$hop,
                        "::mlir::FlatSymbolRefAttr":$symbol);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    bool isGeneric() const {
      return getKind() == DomainKind::Src || getKind() == DomainKind::Dst ||
             getKind() == DomainKind::Edge;
    }
    bool isParam() const { return getKind() == DomainKind::Param; }
    bool isRows() const { return getKind() == DomainKind::Rows; }
    bool isEdges() const { return getKind() == DomainKind::Edges; }
    bool isActive() const { return getKind() == DomainKind::Active; }
    bool isUnique() const { return getKind() == DomainKind::Unique; }
    static DomainAttr param(::mlir::MLIRContext *context);
    static DomainAttr generic(::mlir::MLIRContext *context, DomainKind kind);
    static DomainAttr rows(int64_t hop, ::mlir::FlatSymbolRefAttr type);
    static DomainAttr edges(int64_t hop, ::mlir::FlatSymbolRefAttr relation);
    static DomainAttr active(int64_t hop, ::mlir::FlatSymbolRefAttr relation);
    static DomainAttr unique(int64_t hop, ::mlir::FlatSymbolRefAttr relation);
  }];
}

def Hgnn_PlacementAttr : AttrDef<Hgnn_Dialect, "Placement"> {
  let mnemonic = "placement";
  let summary = "Where a value lives over partitions, and whether its batch axis is split";
  let description = [{
    `replicated` (not printed): every partition that has the value has the same bits. `owned(2)`: it
    is partition 2's alone. `partial_sum`: each partition has one term, the value is their sum; only
    what is linear in it may touch it before a merge. `partial_max`, `partial_softmax`: one term of a
    maximum (with or without its indices) or of a softmax; only hgnn.combine of that merge may touch it. `split`: each partition has its rows of the
    batch; sums over such rows are `partial_sum`. `owned(2) split`: partition 2's block of the seeds, and
    what it sampled for them. `kept(2)`: of rows that are spread over the partitions, those that
    partition 2 keeps and that somebody asked for; they go into its optimizer step alone.
  }];
  let parameters = (ins "::heddle::hgnn::PlacementKind":$kind, "int64_t":$owner, "bool":$split);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static PlacementAttr replicated(::mlir::MLIRContext *context);
    static PlacementAttr owned(::mlir::MLIRContext *context, int64_t partition);
    /// A partition's rows of a split batch.
    static PlacementAttr block(::mlir::MLIRContext *context, int64_t partition);
    /// Of rows that are spread, those that a partition keeps.
    static PlacementAttr kept(::mlir::MLIRContext *context, int64_t partition);
    /// One term of a sum over partitions.
    static PlacementAttr partialSum(::mlir::MLIRContext *context);
    /// One term of a merge over partitions.
    static PlacementAttr partial(::mlir::MLIRContext *context, Merge merge);
    /// Whether it is a term of that merge.
    bool isPartial(Merge merge) const;
    bool isReplicated() const { return getKind() == PlacementKind::Replicated; }
    bool isOwned() const { return getKind() == PlacementKind::Owned; }
    bool isOwnedBy(int64_t partition) const { return isOwned() && getOwner() == partition; }
    bool isKept() const { return getKind() == PlacementKind::Kept; }
    bool isKeptBy(int64_t partition) const { return isKept() && getOwner() == partition; }
    bool isPartial() const { return !isReplicated() && !isOwned() && !isKept(); }
    bool isReplicatedWhole() const {
      return getKind() == PlacementKind::Replicated && !getSplit();
    }
  }];
}

// A number of a layer program may be a text in the file: an expression over the layer's sizes and
// arguments, which the front end evaluates (see hgnn.layer). Until then a count is unknown, as a width of
// `?`, and another number is not a number.
def Hgnn_Count : Attr<CPred<"::llvm::isa<::mlir::StringAttr>($_self) || (::llvm::isa<::mlir::IntegerAttr>($_self)"
                            " && ::llvm::cast<::mlir::IntegerAttr>($_self).getType().isSignlessInteger(64))">,
                      "a 64-bit integer, or an expression such as \"num_heads\""> {
  let storageType = "::mlir::Attribute";
  let returnType = "uint64_t";
  let convertFromStorage = "::heddle::hgnn::countOf($_self)";
  let constBuilderCall = "$_builder.getI64IntegerAttr($0)";
}
def Hgnn_Number : Attr<CPred<"::llvm::isa<::mlir::StringAttr>($_self) || (::llvm::isa<::mlir::FloatAttr>($_self)"
                             " && ::llvm::cast<::mlir::FloatAttr>($_self).getType().isF64())">,
                       "a 64-bit float, or an expression such as \"1 / num_heads\""> {
  let storageType = "::mlir::Attribute";
  let returnType = "::llvm::APFloat";
  let convertFromStorage = "::heddle::hgnn::numberOf($_self)";
  let constBuilderCall = "$_builder.getFloatAttr($_builder.getF64Type(), $0)";
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Hgnn_Type<string name, string typeMnemonic> : TypeDef<Hgnn_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Hgnn_TensorType : Hgnn_Type<"Feat", "tensor"> {
  let summary = "A row-major array over an iteration domain";
  let description = [{
    `!hgnn.tensor<rows(0, @paper) : 64xf32>` has one row of 64 numbers for each row of its domain.
    `!hgnn.tensor<param : 64x26xf32>` is a parameter-shaped value. In layer programs a width may be
    unknown: `!hgnn.tensor<dst : ?xf32>`; a generic parameter is `!hgnn.tensor<param : ?xf32>`
    whatever its rank. A placement other than replicated follows: `, partial_sum`, `, owned(2)`,
    `, owned(2) split`, `, kept(2)`.
  }];
  let parameters = (ins "::heddle::hgnn::DomainAttr":$domain, ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType, "::heddle::hgnn::PlacementAttr":$placement);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// A replicated f32 tensor.
    static FeatType get(DomainAttr domain, ::llvm::ArrayRef<int64_t> shape);
    /// The same domain and placement with another shape.
    FeatType withShape(::llvm::ArrayRef<int64_t> shape) const;
    FeatType withDomain(DomainAttr domain) const;
    FeatType withPlacement(PlacementAttr placement) const;
    bool isGeneric() const;
    /// Numbers per row (param: in all); 1 for rank 0.
    int64_t getWidth() const;
  }];
}

def Hgnn_IdsType : Hgnn_Type<"Ids", "ids"> {
  let summary = "Global ids of the rows of a domain, sorted and unique";
  let description = [{
    `!hgnn.ids<rows(1, @a), owned(0)>` are the rows that partition 0 sampled at that hop; replicated, as
    `!hgnn.ids<rows(1, @a)>`, they are those of all partitions together, and
    `!hgnn.ids<rows(1, @a), kept(0)>` those of all together that partition 0 keeps.
  }];
  let parameters = (ins "::heddle::hgnn::DomainAttr":$domain,
                        "::heddle::hgnn::PlacementAttr":$placement);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static IdsType get(::mlir::MLIRContext *context, DomainAttr domain);
  }];
}
def Hgnn_AdjType : Hgnn_Type<"Adj", "adj"> {
  let summary = "The sampled in-edges A(step, hop, relation) of the rows at a hop";
  let description = [{
    `!hgnn.adj<0, @"a:writes:p" from @a to @p>`: destinations are rows(0, @p), sources rows(1, @a).
    `!hgnn.adj<0, @"a:writes:p" from @a to @p, unique>`: sources are unique(0, @"a:writes:p"), which
    hgnn.sources finds among rows(1, @a). `!hgnn.adj<any>` in layer programs.
  }];
  let parameters = (ins "int64_t":$hop, "::mlir::FlatSymbolRefAttr":$relation,
                        "::mlir::FlatSymbolRefAttr":$source, "::mlir::FlatSymbolRefAttr":$destination,
                        "::heddle::hgnn::PlacementAttr":$placement, "bool":$unique);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static AdjType get(::mlir::MLIRContext *context, int64_t hop, ::mlir::FlatSymbolRefAttr relation,
                       ::mlir::FlatSymbolRefAttr source, ::mlir::FlatSymbolRefAttr destination);
    bool isGeneric() const { return !getRelation(); }
    AdjType withPlacement(PlacementAttr placement) const;
    /// The same edges, their sources numbered among the distinct ones.
    AdjType withUniqueSources() const;
    /// What a source of an edge is a row of; not of a generic type.
    DomainAttr sourceDomain() const;
    static AdjType generic(::mlir::MLIRContext *context);
  }];
}
def Hgnn_LinkType : Hgnn_Type<"Link", "link"> {
  let summary = "Where rows of a type stand among the rows of (hop + 1, type)";
  let description = [{
    `!hgnn.link<0, @a>`: the rows of (0, @a), by the identity link. `!hgnn.link<0, @"a:writes:p" from @a>`:
    the distinct sources unique(0, @"a:writes:p").
  }];
  let parameters = (ins "int64_t":$hop, "::mlir::FlatSymbolRefAttr":$nodeType,
                        OptionalParameter<"::mlir::FlatSymbolRefAttr">:$relation,
                        "::heddle::hgnn::PlacementAttr":$placement);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static LinkType get(::mlir::MLIRContext *context, int64_t hop, ::mlir::FlatSymbolRefAttr nodeType);
    /// Of the distinct sources of an adjacency, where its edges are.
    static LinkType ofSources(AdjType adj);
    /// The identity link of a hop, no relation's sources.
    bool isIdentity() const { return !getRelation(); }
    DomainAttr nearDomain() const;
    DomainAttr farDomain() const;
  }];
}
def Hgnn_SparseType : Hgnn_Type<"Sparse", "sparse"> {
  let summary = "Sparse feature rows (CSR) over a domain";
  let parameters = (ins "::heddle::hgnn::DomainAttr":$domain, "int64_t":$dim,
                        "::heddle::hgnn::PlacementAttr":$placement);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static SparseType get(::mlir::MLIRContext *context, DomainAttr domain, int64_t dim);
  }];
}
def Hgnn_LabelsType : Hgnn_Type<"Labels", "labels"> {
  let summary = "Labels of rows: a class each, or a 0/1 row each (multi-label)";
  let parameters = (ins "::heddle::hgnn::DomainAttr":$domain, "int64_t":$numClasses,
                        "bool":$multilabel, "::heddle::hgnn::PlacementAttr":$placement);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static LabelsType get(::mlir::MLIRContext *context, DomainAttr domain, int64_t numClasses,
                          bool multilabel);
  }];
}

#endif // HGNN_DIALECT_TD
