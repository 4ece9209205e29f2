// R-GCN with a gate on every edge (Marcheggiani and Titov, "Encoding sentences with graph convolutional
// networks for semantic role labeling", EMNLP 2017, section 3.2, here of both rows):
//   g_uv = sigmoid(q . h_u + k . h_v + b),  h_v' = act(h_v W_0 + sum over r of mean over u of (g_uv h_u) W_r)
// with q, k, b and W_r the relation's. gatv2.mlir says how such a file is read.

!src = !hgnn.tensor<src : ?xf32>
!dst = !hgnn.tensor<dst : ?xf32>
!edge = !hgnn.tensor<edge : ?xf32>
!gate = !hgnn.tensor<edge : 1xf32>
!param = !hgnn.tensor<param : ?xf32>
!adj = !hgnn.adj<any>

hgnn.layer @all combine sum attributes {index = 0 : i64, in_size = 0 : i64, out_size = 0 : i64,
    args = {dropout = 0.0}}
  message {
  ^bb0(%adj: !adj, %src: !src, %own: !dst):
    %q = hgnn.param "gate.source" scope relation shape ["in"] init "xavier_uniform" : !param
    %k = hgnn.param "gate.destination" scope relation shape ["in"] init "xavier_uniform" : !param
    %b = hgnn.param "gate.bias" scope relation shape [1] init "ones" : !param
    %qh = hgnn.row_dot %src, %q : !src, !param
    %kh = hgnn.row_dot %own, %k : !dst, !param
    %kb = hgnn.add_bias %kh, %b : !hgnn.tensor<dst : 1xf32>, !param
    %qe = hgnn.gather_src %qh, %adj : !hgnn.tensor<src : 1xf32>, !adj
    %ke = hgnn.gather_dst %kb, %adj : !hgnn.tensor<dst : 1xf32>, !adj
    %sum = hgnn.add %qe, %ke : !gate, !gate
    %gate = hgnn.unary sigmoid %sum : !gate
    %edges = hgnn.gather_src %src, %adj : !src, !adj
    %gated = hgnn.scale_rows %edges, %gate : !edge, !gate
    %total = hgnn.reduce_dst %gated, %adj : !edge, !adj
    %degree = hgnn.degree %adj : !adj
    %inverse = hgnn.unary reciprocal %degree : !hgnn.tensor<dst : 1xf32>
    %mean = hgnn.scale_rows %total, %inverse : !dst, !hgnn.tensor<dst : 1xf32>
    %w = hgnn.param "weight" scope relation shape ["in", "out"] init "xavier_uniform" : !param
    %message = hgnn.linear %mean, %w : !dst, !param
    hgnn.yield %message : !dst
  } update {
  ^bb0(%combined: !dst, %own: !dst, %ids: !hgnn.ids<dst>):
    %root = hgnn.param "root" scope layer shape ["in", "out"] init "xavier_uniform" : !param
    %bias = hgnn.param "bias" scope layer shape ["out"] init "zeros" : !param
    %self = hgnn.linear %own, %root : !dst, !param
    %rows = hgnn.add %combined, %self : !dst, !dst
    %biased = hgnn.add_bias %rows, %bias : !dst, !param
    %active = hgnn.unary relu %biased {hidden_only} : !dst
    %out = hgnn.dropout %active, %ids {p = "dropout", site = 0 : i64, hidden_only} : !dst, !hgnn.ids<dst>
    hgnn.yield %out : !dst
  }
