// RUN: heddle-opt %s | heddle-opt | FileCheck %s
// Every domain, placement and type prints as it was written, also in one more round.

// CHECK-LABEL: hgnn.kernel @domains
// CHECK-NEXT: %{{.*}}: !hgnn.tensor<param : f32>, %{{.*}}: !hgnn.tensor<param : 64x26xf32>, %{{.*}}: !hgnn.tensor<param : ?xf32>,
// CHECK-SAME: !hgnn.tensor<rows(0, @paper) : 64xf32>, %{{.*}}: !hgnn.tensor<edges(14, @"a:writes:p") : 1xf32>,
// CHECK-SAME: !hgnn.tensor<active(3, @"a:%3A%2E:p") : 7xf32>, %{{.*}}: !hgnn.tensor<src : ?xf32>,
// CHECK-SAME: !hgnn.tensor<dst : ?xf32>, %{{.*}}: !hgnn.tensor<edge : 3xf32>
hgnn.kernel @domains {
^bb0(%a: !hgnn.tensor<param : f32>, %b: !hgnn.tensor<param : 64x26xf32>, %c: !hgnn.tensor<param : ?xf32>,
     %d: !hgnn.tensor<rows(0, @paper) : 64xf32>, %e: !hgnn.tensor<edges(14, @"a:writes:p") : 1xf32>,
     %f: !hgnn.tensor<active(3, @"a:%3A%2E:p") : 7xf32>, %g: !hgnn.tensor<src : ?xf32>,
     %h: !hgnn.tensor<dst : ?xf32>, %i: !hgnn.tensor<edge : 3xf32>):
  hgnn.yield
}

// CHECK-LABEL: hgnn.kernel @placements
// A value that is replicated as a whole needs no word.
// CHECK-NEXT: %{{.*}}: !hgnn.tensor<param : 4xf32>, %{{.*}}: !hgnn.tensor<param : 4xf32, partial_sum>,
// CHECK-SAME: !hgnn.tensor<param : 4xf32, partial_max>, %{{.*}}: !hgnn.tensor<param : 4xf32, partial_softmax>,
// CHECK-SAME: !hgnn.tensor<param : 4xf32, owned(2)>, %{{.*}}: !hgnn.tensor<rows(0, @p) : 4xf32, split>,
// CHECK-SAME: !hgnn.tensor<rows(0, @p) : 4xf32, owned(0) split>, %{{.*}}: !hgnn.tensor<rows(0, @p) : 4xf32, split>
hgnn.kernel @placements {
^bb0(%a: !hgnn.tensor<param : 4xf32, replicated>, %b: !hgnn.tensor<param : 4xf32, partial_sum>,
     %c: !hgnn.tensor<param : 4xf32, partial_max>, %d: !hgnn.tensor<param : 4xf32, partial_softmax>,
     %e: !hgnn.tensor<param : 4xf32, owned(2)>, %f: !hgnn.tensor<rows(0, @p) : 4xf32, split>,
     %g: !hgnn.tensor<rows(0, @p) : 4xf32, owned(0) split>, %h: !hgnn.tensor<rows(0, @p) : 4xf32, replicated split>):
  hgnn.yield
}

// CHECK-LABEL: hgnn.kernel @others
// CHECK-NEXT: %{{.*}}: !hgnn.ids<rows(2, @p)>, %{{.*}}: !hgnn.ids<dst>, %{{.*}}: !hgnn.adj<any>,
// CHECK-SAME: !hgnn.adj<0, @"a:w:p" from @a to @p>, %{{.*}}: !hgnn.link<1, @p>, %{{.*}}: !hgnn.sparse<dst, 2000>,
// CHECK-SAME: !hgnn.labels<rows(0, @p), 26>, %{{.*}}: !hgnn.labels<rows(0, @p), 5, multi>
// CHECK-NEXT: hgnn.yield {domain = #hgnn.domain<rows(1, @"\E6\97\A5:\E6\9C\AC")>, generic = #hgnn.domain<edge>, placed = #hgnn.placement<owned(3) split>}
hgnn.kernel @others {
^bb0(%a: !hgnn.ids<rows(2, @p)>, %b: !hgnn.ids<dst>, %c: !hgnn.adj<any>, %d: !hgnn.adj<0, @"a:w:p" from @a to @p>,
     %e: !hgnn.link<1, @p>, %f: !hgnn.sparse<dst, 2000>, %g: !hgnn.labels<rows(0, @p), 26>,
     %h: !hgnn.labels<rows(0, @p), 5, multi>):
  hgnn.yield {domain = #hgnn.domain<rows(1, @"日:本")>, generic = #hgnn.domain<edge>, placed = #hgnn.placement<owned(3) split>}
}

// CHECK-LABEL: hgnn.kernel @placed
// CHECK-NEXT: %{{.*}}: !hgnn.ids<rows(1, @p), owned(2)>, %{{.*}}: !hgnn.adj<0, @"a:w:p" from @a to @p, owned(2)>,
// CHECK-SAME: !hgnn.link<0, @p, owned(0)>, %{{.*}}: !hgnn.sparse<rows(1, @p), 20, owned(1)>,
// CHECK-SAME: !hgnn.labels<rows(0, @p), 3, split>, %{{.*}}: !hgnn.labels<rows(0, @p), 3, multi, owned(0)>
hgnn.kernel @placed {
^bb0(%a: !hgnn.ids<rows(1, @p), owned(2)>, %b: !hgnn.adj<0, @"a:w:p" from @a to @p, owned(2)>, %c: !hgnn.link<0, @p, owned(0)>,
     %d: !hgnn.sparse<rows(1, @p), 20, owned(1)>, %e: !hgnn.labels<rows(0, @p), 3, split>,
     %f: !hgnn.labels<rows(0, @p), 3, multi, owned(0)>):
  hgnn.yield
}

// A sum over the rows of a split batch is one term of the sum over replicas.
// CHECK-LABEL: hgnn.kernel @split_sum
// CHECK: hgnn.col_sum {{.*}} : !hgnn.tensor<rows(0, @p) : 4xf32, split>
// CHECK-NEXT: hgnn.scale {{.*}} : !hgnn.tensor<param : 4xf32, partial_sum>
hgnn.kernel @split_sum {
^bb0(%x: !hgnn.tensor<rows(0, @p) : 4xf32, split>):
  %s = hgnn.col_sum %x : !hgnn.tensor<rows(0, @p) : 4xf32, split>
  %t = hgnn.scale %s {factor = 2.0} : !hgnn.tensor<param : 4xf32, partial_sum>
}
