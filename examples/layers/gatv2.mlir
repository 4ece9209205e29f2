// GATv2 (Brody et al., "How attentive are graph attention networks?", ICLR 2022) in each relation, summed
// over relations beside the own row. Unlike "rgat", a score is made of both rows together:
//   score = a . leaky_relu(W_l h_src + W_r h_dst)
//
// One layer for all of model.num_layers, over any graph. Texts in place of numbers are expressions over
// "in", "out" and the arguments; `args` has their defaults, which a spec's model.args overrides. The last
// layer gives class scores: it has one head (`last_args`), and what is `hidden_only` is left out there.
//   heddle-compile --graph wn/ --model gatv2-wordnet.json --check-layer
// prints what all of it comes to, and checks the gradients.

!src = !hgnn.tensor<src : ?xf32>
!dst = !hgnn.tensor<dst : ?xf32>
!edge = !hgnn.tensor<edge : ?xf32>
!param = !hgnn.tensor<param : ?xf32>
!adj = !hgnn.adj<any>

hgnn.layer @all combine sum attributes {index = 0 : i64, in_size = 0 : i64, out_size = 0 : i64,
    args = {num_heads = 4, slope = 0.2, attention_dropout = 0.0, dropout = 0.0}, last_args = {num_heads = 1}}
  message {
  ^bb0(%adj: !adj, %src: !src, %own: !dst):
    %wl = hgnn.param "lin_l.weight" scope relation shape ["in", "out"] init "xavier_uniform" : !param
    %wr = hgnn.param "lin_r.weight" scope relation shape ["in", "out"] init "xavier_uniform" : !param
    %a = hgnn.param "att" scope relation shape ["num_heads", "out / num_heads"] init "xavier_uniform" : !param
    %left = hgnn.linear %src, %wl : !src, !param
    %right = hgnn.linear %own, %wr : !dst, !param
    %l = hgnn.gather_src %left, %adj : !src, !adj
    %r = hgnn.gather_dst %right, %adj : !dst, !adj
    %sum = hgnn.add %l, %r : !edge, !edge
    %bent = hgnn.unary leaky_relu %sum {alpha = "slope"} : !edge
    %score = hgnn.row_dot %bent, %a {heads = "num_heads"} : !edge, !param
    %value = hgnn.dropout %l {p = "attention_dropout", site = 1 : i64, heads = "num_heads"} : !edge
    %term = hgnn.term softmax<"num_heads"> %value, %score : !edge, !edge
    %merged = hgnn.reduce_dst %term, %adj of softmax<"num_heads"> : !edge, !adj
    %mean = hgnn.combined softmax<"num_heads"> %merged : !dst
    hgnn.yield %mean : !dst
  } update {
  ^bb0(%combined: !dst, %own: !dst, %ids: !hgnn.ids<dst>):
    %root = hgnn.param "root" scope layer shape ["in", "out"] init "xavier_uniform" : !param
    %bias = hgnn.param "bias" scope layer shape ["out"] init "zeros" : !param
    %self = hgnn.linear %own, %root : !dst, !param
    %rows = hgnn.add %combined, %self : !dst, !dst
    %biased = hgnn.add_bias %rows, %bias : !dst, !param
    %active = hgnn.unary elu %biased {hidden_only} : !dst
    %out = hgnn.dropout %active, %ids {p = "dropout", site = 0 : i64, hidden_only} : !dst, !hgnn.ids<dst>
    hgnn.yield %out : !dst
  }
