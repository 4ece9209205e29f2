// Attention whose scores are of projections with a bias.

!src = !hgnn.tensor<src : ?xf32>
!dst = !hgnn.tensor<dst : ?xf32>
!edge = !hgnn.tensor<edge : ?xf32>
!param = !hgnn.tensor<param : ?xf32>
!adj = !hgnn.adj<any>

hgnn.layer @all combine sum attributes {index = 0 : i64, in_size = 0 : i64, out_size = 0 : i64, args = {num_heads = 2}, last_args = {num_heads = 1}}
  message {
  ^bb0(%adj: !adj, %src: !src, %own: !dst):
    %w = hgnn.param "weight" scope relation shape ["in", "out"] init "xavier_uniform" : !param
    %b = hgnn.param "shift" scope relation shape ["out"] init "zeros" : !param
    %q = hgnn.param "query" scope relation shape ["num_heads", "out / num_heads"] init "xavier_uniform" : !param
    %projected = hgnn.linear %own, %w : !dst, !param
    %shifted = hgnn.add_bias %projected, %b : !dst, !param
    %ofOwn = hgnn.row_dot %shifted, %q {heads = "num_heads"} : !dst, !param
    %scores = hgnn.gather_dst %ofOwn, %adj : !dst, !adj
    %values = hgnn.linear %src, %w : !src, !param
    %edges = hgnn.gather_src %values, %adj : !src, !adj
    %term = hgnn.term softmax<"num_heads"> %edges, %scores : !edge, !edge
    %merged = hgnn.reduce_dst %term, %adj of softmax<"num_heads"> : !edge, !adj
    %mean = hgnn.combined softmax<"num_heads"> %merged : !dst
    hgnn.yield %mean : !dst
  } update {
  ^bb0(%combined: !dst, %own: !dst, %ids: !hgnn.ids<dst>):
    hgnn.yield %combined : !dst
  }
