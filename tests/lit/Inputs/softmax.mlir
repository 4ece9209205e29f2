// Semantic attention for each destination: relations are weighted by the softmax of what one vector makes of
// their messages, as HAN does, but row by row, so that nothing couples the batch.

hgnn.layer @hidden combine softmax attributes {index = 0 : i64, in_size = 0 : i64, out_size = 0 : i64}
  message {
  ^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
    %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
    %sum = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
    %degree = hgnn.degree %adj : !hgnn.adj<any>
    %inverse = hgnn.unary reciprocal %degree : !hgnn.tensor<dst : 1xf32>
    %mean = hgnn.scale_rows %sum, %inverse : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : 1xf32>
    %weight = hgnn.param "weight" scope relation shape ["in", "out"] init "xavier_uniform" : <param : ?xf32>
    %message = hgnn.linear %mean, %weight : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
    %bent = hgnn.unary tanh %message : !hgnn.tensor<dst : ?xf32>
    %attention = hgnn.param "attention" scope layer shape ["out", 1] init "xavier_uniform" : <param : ?xf32>
    %score = hgnn.linear %bent, %attention : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
    hgnn.yield %message, %score : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  } update {
  ^bb0(%combined: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
    %root = hgnn.param "root" scope layer shape ["in", "out"] init "xavier_uniform" : <param : ?xf32>
    %self = hgnn.linear %own, %root : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
    %rows = hgnn.add %combined, %self : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
    %bias = hgnn.param "bias" scope layer shape ["out"] init "zeros" : <param : ?xf32>
    %biased = hgnn.add_bias %rows, %bias : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
    %active = hgnn.unary relu %biased : !hgnn.tensor<dst : ?xf32>
    hgnn.yield %active : !hgnn.tensor<dst : ?xf32>
  }

hgnn.layer @last combine softmax attributes {index = 1 : i64, in_size = 0 : i64, out_size = 0 : i64}
  message {
  ^bb0(%adj: !hgnn.adj<any>, %src: !hgnn.tensor<src : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>):
    %edges = hgnn.gather_src %src, %adj : !hgnn.tensor<src : ?xf32>, !hgnn.adj<any>
    %sum = hgnn.reduce_dst %edges, %adj : !hgnn.tensor<edge : ?xf32>, !hgnn.adj<any>
    %degree = hgnn.degree %adj : !hgnn.adj<any>
    %inverse = hgnn.unary reciprocal %degree : !hgnn.tensor<dst : 1xf32>
    %mean = hgnn.scale_rows %sum, %inverse : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : 1xf32>
    %weight = hgnn.param "weight" scope relation shape ["in", "out"] init "xavier_uniform" : <param : ?xf32>
    %message = hgnn.linear %mean, %weight : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
    %bent = hgnn.unary tanh %message : !hgnn.tensor<dst : ?xf32>
    %attention = hgnn.param "attention" scope layer shape ["out", 1] init "xavier_uniform" : <param : ?xf32>
    %score = hgnn.linear %bent, %attention : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
    hgnn.yield %message, %score : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
  } update {
  ^bb0(%combined: !hgnn.tensor<dst : ?xf32>, %own: !hgnn.tensor<dst : ?xf32>, %ids: !hgnn.ids<dst>):
    %root = hgnn.param "root" scope layer shape ["in", "out"] init "xavier_uniform" : <param : ?xf32>
    %self = hgnn.linear %own, %root : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
    %rows = hgnn.add %combined, %self : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<dst : ?xf32>
    %bias = hgnn.param "bias" scope layer shape ["out"] init "zeros" : <param : ?xf32>
    %biased = hgnn.add_bias %rows, %bias : !hgnn.tensor<dst : ?xf32>, !hgnn.tensor<param : ?xf32>
    hgnn.yield %biased : !hgnn.tensor<dst : ?xf32>
  }
