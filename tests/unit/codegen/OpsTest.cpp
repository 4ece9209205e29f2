//===- OpsTest.cpp - every op, every width, against naive loops ------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace heddle;
using namespace heddle::test;

namespace {

/// A kernel: arguments, lines of the body, yielded values with types.
struct Case {
  const char *name, *arguments, *body, *yield;
};

// clang-format off
const Case cases[] = {
    // Changes of domain.
    {"segment_sum", "%x: $SRC, %a: $ADJ",
     "%e = hgnn.gather_src %x, %a : $SRC, $ADJ\n %s = hgnn.reduce_dst %e, %a : $EDGE, $ADJ",
     "%s : $ACT"},
    {"segment_mean", "%x: $SRC, %a: $ADJ",
     "%e = hgnn.gather_src %x, %a : $SRC, $ADJ\n %s = hgnn.reduce_dst %e, %a : $EDGE, $ADJ\n"
     "%d = hgnn.degree %a : $ADJ\n %r = hgnn.unary reciprocal %d : $A1\n"
     "%m = hgnn.scale_rows %s, %r : $ACT, $A1",
     "%m : $ACT"},
    {"transposed_sum", "%g: $ACT, %a: $ADJ",
     "%e = hgnn.gather_dst %g, %a : $ACT, $ADJ\n %s = hgnn.reduce_src %e, %a : $EDGE, $ADJ",
     "%s : $SRC"},
    {"transposed_mean", "%g: $ACT, %a: $ADJ",
     "%d = hgnn.degree %a : $ADJ\n %r = hgnn.unary reciprocal %d : $A1\n"
     "%m = hgnn.scale_rows %g, %r : $ACT, $A1\n"
     "%e = hgnn.gather_dst %m, %a : $ACT, $ADJ\n %s = hgnn.reduce_src %e, %a : $EDGE, $ADJ",
     "%s : $SRC"},
    {"edge_values", "%v: $EDGE, %x: $SRC, %a: $ADJ",
     "%e = hgnn.gather_src %x, %a : $SRC, $ADJ\n %m = hgnn.mul %e, %v : $EDGE, $EDGE\n"
     "%s = hgnn.reduce_dst %m, %a : $EDGE, $ADJ",
     "%s : $ACT"},
    {"edge_values_by_source", "%v: $EDGE, %g: $ACT, %w: $E1, %a: $ADJ",
     "%e = hgnn.gather_dst %g, %a : $ACT, $ADJ\n %m = hgnn.mul %e, %v : $EDGE, $EDGE\n"
     "%n = hgnn.scale_rows %m, %w : $EDGE, $E1\n %s = hgnn.reduce_src %n, %a : $EDGE, $ADJ",
     "%s : $SRC"},
    {"both_ends", "%x: $SRC, %g: $ACT, %a: $ADJ",
     "%e = hgnn.gather_src %x, %a : $SRC, $ADJ\n %f = hgnn.gather_dst %g, %a : $ACT, $ADJ\n"
     "%m = hgnn.mul %e, %f : $EDGE, $EDGE\n %s = hgnn.reduce_dst %m, %a : $EDGE, $ADJ",
     "%s : $ACT"},
    {"to_edges", "%x: $SRC, %g: $ACT, %a: $ADJ",
     "%e = hgnn.gather_src %x, %a : $SRC, $ADJ\n %f = hgnn.gather_dst %g, %a : $ACT, $ADJ\n"
     "%m = hgnn.add %e, %f : $EDGE, $EDGE\n %u = hgnn.unary leaky_relu %m {alpha = 0.2 : f64} : $EDGE",
     "%u : $EDGE"},
    {"edge_dot", "%x: $SRC, %g: $ACT, %a: $ADJ",
     "%e = hgnn.gather_src %x, %a : $SRC, $ADJ\n %f = hgnn.gather_dst %g, %a : $ACT, $ADJ\n"
     "%m = hgnn.row_dot %e, %f : $EDGE, $EDGE",
     "%m : $E1"},
    {"sources_to_edges", "%x: $SRC, %a: $ADJ", "%e = hgnn.gather_src %x, %a : $SRC, $ADJ", "%e : $EDGE"},
    {"expand", "%x: $ACT, %a: $ADJ", "%e = hgnn.expand %x, %a : $ACT, $ADJ", "%e : $ROW"},
    {"restrict", "%x: $ROW, %a: $ADJ", "%e = hgnn.restrict %x, %a : $ROW, $ADJ", "%e : $ACT"},
    {"self_gather", "%x: $FAR, %l: $LNK", "%e = hgnn.self_gather %x, %l : $FAR, $LNK", "%e : $ROW"},
    {"self_scatter", "%x: $ROW, %l: $LNK", "%e = hgnn.self_scatter %x, %l : $ROW, $LNK", "%e : $FAR"},
    {"degree", "%a: $ADJ", "%d = hgnn.degree %a : $ADJ", "%d : $A1"},
    {"broadcast_rows", "%b: $PAR, %i: $IDS", "%r = hgnn.broadcast_rows %b, %i : $PAR, $IDS", "%r : $ROW"},
    {"combine", "%x: $ACT, %a: $ADJ, %s: $SRC, %b: $ADB, %f: $FAR, %l: $LNK, %p: $PAR",
     "%e = hgnn.expand %x, %a : $ACT, $ADJ\n %h = hgnn.gather_src %s, %b : $SRC, $ADB\n"
     "%k = hgnn.reduce_dst %h, %b : $EDGB, $ADB\n %m = hgnn.expand %k, %b : $ACTB, $ADB\n"
     "%n = hgnn.self_gather %f, %l : $FAR, $LNK\n %o = hgnn.add %e, %m, %n : $ROW, $ROW, $ROW\n"
     "%q = hgnn.add_bias %o, %p : $ROW, $PAR\n %u = hgnn.unary relu %q : $ROW",
     "%u : $ROW"},
    // Element-wise.
    {"mul_add", "%x: $ROW, %y: $ROW, %f: $SCA",
     "%m = hgnn.mul %x, %y : $ROW, $ROW\n %s = hgnn.scale %m {factor = -1.5 : f64} : $ROW\n"
     "%t = hgnn.scale_by %s, %f : $ROW, $SCA\n %u = hgnn.add %t, %x, %m : $ROW, $ROW, $ROW",
     "%u, %t : $ROW, $ROW"},
    {"scale_rows", "%x: $ROW, %y: $ONE", "%s = hgnn.scale_rows %x, %y : $ROW, $ONE", "%s : $ROW"},
    {"row_dot", "%x: $ROW, %y: $ROW",
     "%d = hgnn.row_dot %x, %y : $ROW, $ROW\n %s = hgnn.scale_rows %x, %d : $ROW, $ONE",
     "%d, %s : $ONE, $ROW"},
    {"zeros", "%i: $IDS", "%z = hgnn.zeros %i : ($IDS) -> $ROW", "%z : $ROW"},
    {"relu", "%x: $ROW", "%u = hgnn.unary relu %x : $ROW", "%u : $ROW"},
    {"functions", "%x: $ROW",
     "%a = hgnn.unary elu %x {alpha = 0.7 : f64} : $ROW\n %b = hgnn.unary tanh %x : $ROW\n"
     "%c = hgnn.unary sigmoid %x : $ROW\n %d = hgnn.unary gelu %x : $ROW\n"
     "%e = hgnn.unary leaky_relu %x {alpha = 0.1 : f64} : $ROW\n %f = hgnn.unary reciprocal %x : $ROW",
     "%a, %b, %c, %d, %e : $ROW, $ROW, $ROW, $ROW, $ROW"},
    {"exponentials", "%x: $ROW, %g: $ROW",
     "%a = hgnn.unary exp %x : $ROW\n %b = hgnn.unary log %a : $ROW\n %c = hgnn.unary softplus %x : $ROW\n"
     "%d = hgnn.unary_grad exp %x, %g : $ROW, $ROW\n %e = hgnn.unary_grad log %a, %g : $ROW, $ROW\n"
     "%f = hgnn.unary_grad softplus %x, %g : $ROW, $ROW",
     "%a, %b, %c, %d, %e, %f : $ROW, $ROW, $ROW, $ROW, $ROW, $ROW"},
    {"root", "%x: $ROW, %g: $ROW",
     "%a = hgnn.unary exp %x : $ROW\n %b = hgnn.unary rsqrt %a : $ROW\n"
     "%c = hgnn.unary_grad rsqrt %a, %g : $ROW, $ROW",
     "%b, %c : $ROW, $ROW"},
    {"gradients", "%x: $ROW, %g: $ROW",
     "%a = hgnn.unary_grad elu %x, %g {alpha = 0.7 : f64} : $ROW, $ROW\n"
     "%b = hgnn.unary_grad tanh %x, %g : $ROW, $ROW\n"
     "%c = hgnn.unary_grad sigmoid %x, %g : $ROW, $ROW\n %d = hgnn.unary_grad gelu %x, %g : $ROW, $ROW\n"
     "%e = hgnn.unary_grad leaky_relu %x, %g {alpha = 0.1 : f64} : $ROW, $ROW\n"
     "%f = hgnn.unary_grad relu %x, %g : $ROW, $ROW",
     "%a, %b, %c, %d, %e, %f : $ROW, $ROW, $ROW, $ROW, $ROW, $ROW"},
    {"dropout", "%x: $ROW, %i: $IDS",
     "%d = hgnn.dropout %x, %i {p = 0.3 : f64, site = 513 : i64} : $ROW, $IDS", "%d : $ROW"},
    {"dropout_far", "%x: $FAR, %i: $IDF, %b: $PAR",
     "%y = hgnn.add_bias %x, %b : $FAR, $PAR\n"
     "%d = hgnn.dropout %y, %i {p = 0.5 : f64, site = 7 : i64} : $FAR, $IDF", "%d : $FAR"},
    {"layer_norm", "%x: $ROW, %g: $PAR, %b: $PAR",
     "%n = hgnn.layer_norm %x, %g, %b : $ROW, $PAR, $PAR\n"
     "%h = hgnn.layer_norm_xhat %x : $ROW", "%n, %h : $ROW, $ROW"},
    {"layer_norm_grad", "%x: $ROW, %p: $PAR, %g: $ROW",
     "%n = hgnn.layer_norm_grad %x, %p, %g {eps = 0.01 : f64} : $ROW, $PAR, $ROW", "%n : $ROW"},
    // Layout of columns.
    {"concat", "%x: $ROW, %y: $ONE, %z: $ROW",
     "%c = hgnn.concat %x, %y, %z : $ROW, $ONE, $ROW\n %u = hgnn.unary tanh %c : $CAT", "%u : $CAT"},
    {"slice_pad", "%x: $CAT, %i: $IDS",
     "%s = hgnn.slice %x {offset = 1 : i64, size = $W : i64} : $CAT\n"
     "%d = hgnn.dropout %s, %i {p = 0.4 : f64, site = 3 : i64} : $ROW, $IDS\n"
     "%p = hgnn.pad %d {offset = 1 : i64, size = $C : i64} : $ROW", "%d, %p : $ROW, $CAT"},
    {"norm_of_concat", "%x: $ROW, %y: $ONE, %z: $ROW",
     "%c = hgnn.concat %x, %y, %z : $ROW, $ONE, $ROW\n %d = hgnn.row_dot %c, %c : $CAT, $CAT\n"
     "%h = hgnn.layer_norm_xhat %c : $CAT", "%d, %h : $ONE, $CAT"},
    // Losses.
    {"softmax_xent", "%z: $ROW, %l: $LAB, %g: $ONE",
     "%a = hgnn.softmax_xent %z, %l : $ROW, $LAB\n"
     "%b = hgnn.softmax_xent_grad %z, %l, %g {class_weights = array<f64: $WGT>} : $ROW, $LAB, $ONE",
     "%a, %b : $ONE, $ROW"},
    {"softmax_xent_of_sum", "%z: $ROW, %y: $ROW, %l: $LAB",
     "%s = hgnn.add %z, %y : $ROW, $ROW\n"
     "%a = hgnn.softmax_xent %s, %l {class_weights = array<f64: $WGT>} : $ROW, $LAB", "%a : $ONE"},
    {"sigmoid_xent", "%z: $ROW, %l: $MUL, %g: $ONE",
     "%a = hgnn.sigmoid_xent %z, %l {class_weights = array<f64: $WGT>} : $ROW, $MUL\n"
     "%b = hgnn.sigmoid_xent_grad %z, %l, %g {class_weights = array<f64: $WGT>} : $ROW, $MUL, $ONE\n"
     "%c = hgnn.sigmoid_xent_grad %z, %l, %g : $ROW, $MUL, $ONE", "%a, %b, %c : $ONE, $ROW, $ROW"},
    // Terms of merges that are no sum: of two relations, with rows that one, both or none reaches.
    {"argmax", "%x: $ACT, %a: $ADJ, %y: $ACTB, %b: $ADB",
     "%s = hgnn.term argmax %x {link = 5 : i64} : $ACT\n %e = hgnn.expand %s, %a of argmax : $ACT2, $ADJ\n"
     "%t = hgnn.term argmax %y {link = 2 : i64} : $ACTB\n %f = hgnn.expand %t, %b of argmax : $ACTB2, $ADB\n"
     "%c = hgnn.combine argmax %e, %f : $ROW2, $ROW2\n %v = hgnn.combined argmax %c : $ROW2",
     "%c, %v : $ROW2, $ROW"},
    {"argmax_ties", "%x: $ROW, %y: $ROW",
     "%s = hgnn.term argmax %x {link = 7 : i64} : $ROW\n %t = hgnn.term argmax %x {link = 3 : i64} : $ROW\n"
     "%u = hgnn.term argmax %y {link = 9 : i64} : $ROW\n"
     "%c = hgnn.combine argmax %s, %u, %t : $ROW2, $ROW2, $ROW2\n"
     "%d = hgnn.combine argmax %t, %s, %u : $ROW2, $ROW2, $ROW2", "%c, %d : $ROW2, $ROW2"},
    {"max", "%x: $ACT, %a: $ADJ, %y: $ACTB, %b: $ADB",
     "%s = hgnn.term max %x : $ACT\n %e = hgnn.expand %s, %a of max : $ACT, $ADJ\n"
     "%t = hgnn.term max %y : $ACTB\n %f = hgnn.expand %t, %b of max : $ACTB, $ADB\n"
     "%c = hgnn.combine max %e, %f : $ROW, $ROW\n %v = hgnn.combined max %c : $ROW", "%v : $ROW"},
    {"argmax_grad", "%x: $ACT, %a: $ADJ, %y: $ACTB, %b: $ADB, %g: $ROW",
     "%s = hgnn.term argmax %x {link = 5 : i64} : $ACT\n %e = hgnn.expand %s, %a of argmax : $ACT2, $ADJ\n"
     "%t = hgnn.term argmax %y {link = 2 : i64} : $ACTB\n %f = hgnn.expand %t, %b of argmax : $ACTB2, $ADB\n"
     "%c = hgnn.combine argmax %e, %f : $ROW2, $ROW2\n %d = hgnn.combined_grad argmax %g, %c : $ROW, $ROW2\n"
     "%r = hgnn.restrict %d, %b : $ROW2, $ADB\n %u = hgnn.term_grad argmax %r {link = 2 : i64} : $ACTB2",
     "%u : $ACTB"},
    {"argmax_grad_rows", "%x: $ROW, %y: $ROW, %g: $ROW",
     "%s = hgnn.term argmax %x {link = 0 : i64} : $ROW\n %t = hgnn.term argmax %y {link = 1 : i64} : $ROW\n"
     "%c = hgnn.combine argmax %s, %t : $ROW2, $ROW2\n %d = hgnn.combined_grad argmax %g, %c : $ROW, $ROW2\n"
     "%u = hgnn.term_grad argmax %d {link = 0 : i64} : $ROW2\n"
     "%v = hgnn.term_grad argmax %d {link = 1 : i64} : $ROW2", "%d, %u, %v : $ROW2, $ROW, $ROW"},
    {"softmax", "%x: $ACT, %p: $A1, %a: $ADJ, %y: $ACTB, %q: $ABONE, %b: $ADB",
     "%s = hgnn.term softmax %x, %p : $ACT, $A1\n %e = hgnn.expand %s, %a of softmax : $ACTS, $ADJ\n"
     "%t = hgnn.term softmax %y, %q : $ACTB, $ABONE\n %f = hgnn.expand %t, %b of softmax : $ACTBS, $ADB\n"
     "%c = hgnn.combine softmax %e, %f : $ROWS, $ROWS\n %v = hgnn.combined softmax %c : $ROWS",
     "%c, %v : $ROWS, $ROW"},
    {"softmax_value", "%x: $ACT, %p: $A1, %a: $ADJ, %y: $ACTB, %q: $ABONE, %b: $ADB",
     "%s = hgnn.term softmax %x, %p : $ACT, $A1\n %e = hgnn.expand %s, %a of softmax : $ACTS, $ADJ\n"
     "%t = hgnn.term softmax %y, %q : $ACTB, $ABONE\n %f = hgnn.expand %t, %b of softmax : $ACTBS, $ADB\n"
     "%c = hgnn.combine softmax %e, %f : $ROWS, $ROWS\n %v = hgnn.combined softmax %c : $ROWS\n"
     "%u = hgnn.unary tanh %v : $ROW", "%u : $ROW"},
    {"softmax_grad", "%x: $ACT, %p: $A1, %a: $ADJ, %y: $ACTB, %q: $ABONE, %b: $ADB, %g: $ROW",
     "%s = hgnn.term softmax %x, %p : $ACT, $A1\n %e = hgnn.expand %s, %a of softmax : $ACTS, $ADJ\n"
     "%t = hgnn.term softmax %y, %q : $ACTB, $ABONE\n %f = hgnn.expand %t, %b of softmax : $ACTBS, $ADB\n"
     "%c = hgnn.combine softmax %e, %f : $ROWS, $ROWS\n %d = hgnn.combined_grad softmax %g, %c : $ROW, $ROWS\n"
     "%r = hgnn.restrict %d, %b : $ROWS, $ADB\n %u = hgnn.term_grad softmax %r, %q : $ACTBS, $ABONE\n"
     "%w = hgnn.term_grad softmax %r, %q, %y : $ACTBS, $ABONE, $ACTB\n" // a difference: beside its terms
     "%z = hgnn.concat %u, %y, %w : $ACTB, $ACTB, $ABONE", "%u, %z : $ACTB, $ACTBC"},
    {"softmax_grad_rows", "%x: $ROW, %p: $ONE, %y: $ROW, %q: $ONE, %g: $ROW",
     "%s = hgnn.term softmax %x, %p : $ROW, $ONE\n %t = hgnn.term softmax %y, %q : $ROW, $ONE\n"
     "%c = hgnn.combine softmax %s, %t : $ROWS, $ROWS\n %d = hgnn.combined_grad softmax %g, %c : $ROW, $ROWS\n"
     "%u = hgnn.term_grad softmax %d, %p : $ROWS, $ONE\n"
     "%v = hgnn.term_grad softmax %d, %q, %y : $ROWS, $ONE, $ROW\n"
     "%z = hgnn.concat %u, %y, %v : $ROW, $ROW, $ONE", "%d, %u, %z : $ROWS, $ROW, $CAT"},
    {"argmax_many", "%x0: $ACT, %x1: $ACT, %x2: $ACT, %x3: $ACT, %x4: $ACT, %a: $ADJ, %y: $ROW",
     "%s0 = hgnn.term argmax %x0 {link = 4 : i64} : $ACT\n %e0 = hgnn.expand %s0, %a of argmax : $ACT2, $ADJ\n"
     "%s1 = hgnn.term argmax %x1 {link = 1 : i64} : $ACT\n %e1 = hgnn.expand %s1, %a of argmax : $ACT2, $ADJ\n"
     "%s2 = hgnn.term argmax %x2 {link = 3 : i64} : $ACT\n %e2 = hgnn.expand %s2, %a of argmax : $ACT2, $ADJ\n"
     "%s3 = hgnn.term argmax %x3 {link = 0 : i64} : $ACT\n %e3 = hgnn.expand %s3, %a of argmax : $ACT2, $ADJ\n"
     "%s4 = hgnn.term argmax %x4 {link = 2 : i64} : $ACT\n %e4 = hgnn.expand %s4, %a of argmax : $ACT2, $ADJ\n"
     // Equal numbers of a higher relation, and a term of another form between those of one.
     "%t = hgnn.term argmax %x3 {link = 7 : i64} : $ACT\n %f = hgnn.expand %t, %a of argmax : $ACT2, $ADJ\n"
     "%u = hgnn.term argmax %y {link = 6 : i64} : $ROW\n"
     "%c = hgnn.combine argmax %f, %e0, %e1, %e2, %e3, %e4, %u : $ROW2, $ROW2, $ROW2, $ROW2, $ROW2, $ROW2, $ROW2\n"
     "%v = hgnn.combined argmax %c : $ROW2", "%c, %v : $ROW2, $ROW"},
    {"softmax_many", "%x0: $ACT, %p0: $A1, %x1: $ACT, %p1: $A1, %x2: $ACT, %p2: $A1, %x3: $ACT, %p3: $A1, %x4: $ACT, %p4: $A1, %a: $ADJ, %y: $ROW, %q: $ONE",
     "%s0 = hgnn.term softmax %x0, %p0 : $ACT, $A1\n %e0 = hgnn.expand %s0, %a of softmax : $ACTS, $ADJ\n"
     "%s1 = hgnn.term softmax %x1, %p1 : $ACT, $A1\n %e1 = hgnn.expand %s1, %a of softmax : $ACTS, $ADJ\n"
     "%s2 = hgnn.term softmax %x2, %p2 : $ACT, $A1\n %e2 = hgnn.expand %s2, %a of softmax : $ACTS, $ADJ\n"
     "%s3 = hgnn.term softmax %x3, %p3 : $ACT, $A1\n %e3 = hgnn.expand %s3, %a of softmax : $ACTS, $ADJ\n"
     "%s4 = hgnn.term softmax %x4, %p4 : $ACT, $A1\n %e4 = hgnn.expand %s4, %a of softmax : $ACTS, $ADJ\n"
     "%u = hgnn.term softmax %y, %q : $ROW, $ONE\n"
     "%c = hgnn.combine softmax %u, %e0, %e1, %e2, %e3, %e4 : $ROWS, $ROWS, $ROWS, $ROWS, $ROWS, $ROWS\n"
     "%v = hgnn.combined softmax %c : $ROWS", "%c, %v : $ROWS, $ROW"},
    {"empty_terms", "%i: $IDS",
     "%m = hgnn.zeros %i of max : ($IDS) -> $ROW\n %a = hgnn.zeros %i of argmax : ($IDS) -> $ROW2\n"
     "%s = hgnn.zeros %i of softmax : ($IDS) -> $ROWS\n %v = hgnn.combined softmax %s : $ROWS",
     "%m, %a, %s, %v : $ROW, $ROW2, $ROWS, $ROW"},
    // Sums over rows.
    {"col_sum", "%x: $ROW", "%s = hgnn.col_sum %x : $ROW", "%s : $PAR"},
    {"col_sum_expanded", "%x: $ACT, %a: $ADJ",
     "%e = hgnn.expand %x, %a : $ACT, $ADJ\n %s = hgnn.col_sum %e : $ROW", "%s : $PAR"},
    {"col_sum_scattered", "%x: $ROW, %l: $LNK",
     "%e = hgnn.self_scatter %x, %l : $ROW, $LNK\n %s = hgnn.col_sum %e : $FAR", "%s : $PAR"},
    {"col_sum_fused", "%x: $ROW, %g: $ROW, %i: $IDS",
     "%u = hgnn.unary_grad relu %x, %g : $ROW, $ROW\n %s = hgnn.col_sum %u, %i : $ROW, $IDS\n"
     "%h = hgnn.layer_norm_xhat %x : $ROW\n %m = hgnn.mul %h, %g : $ROW, $ROW\n"
     "%t = hgnn.col_sum %m, %i : $ROW, $IDS\n %d = hgnn.row_dot %x, %g : $ROW, $ROW",
     "%u, %s, %t, %d : $ROW, $PAR, $PAR, $ONE"},
    // A mean over the batch: its two sums, and how it comes back to the rows.
    {"ones", "%x: $ROW",
     "%o = hgnn.ones %x : $ROW\n %s = hgnn.col_sum %o : $ONE", "%s : $SCA"},
    {"ones_active", "%y: $ACT, %a: $ADJ", "%p = hgnn.ones %y : $ACT\n %q = hgnn.col_sum %p : $A1", "%q : $SCA"},
    {"broadcast_like", "%x: $PAR, %s: $SCA, %y: $ROW",
     "%i = hgnn.unary reciprocal %s : $SCA\n %m = hgnn.scale_by %x, %i : $PAR, $SCA\n"
     "%b = hgnn.broadcast_rows %m, %y : $PAR, $ROW\n %z = hgnn.mul %b, %y : $ROW, $ROW",
     "%b, %z : $ROW, $ROW"},
    {"broadcast_like_active", "%x: $PAR, %y: $ACT, %a: $ADJ",
     "%b = hgnn.broadcast_rows %x, %y : $PAR, $ACT\n %e = hgnn.expand %b, %a : $ACT, $ADJ", "%e : $ROW"},
    {"sum_squares", "%x: $PAR", "%s = hgnn.sum_squares %x : $PAR", "%s : $SCA"},
    {"sum_squares_rows", "%x: $ROW, %y: $ROW",
     "%z = hgnn.add %x, %y : $ROW, $ROW\n %s = hgnn.sum_squares %z : $ROW", "%s : $SCA"},
    // Parameters.
    {"param_sum", "%x: $PA2, %y: $PA2, %f: $SCA",
     "%s = hgnn.add %x, %y : $PA2, $PA2\n %t = hgnn.scale_by %s, %f : $PA2, $SCA\n"
     "%r = hgnn.reshape %t {shape = array<i64: 3, $W>} : $PA2", "%r : $PA3"},
    {"param_slice", "%x: $PFL", "%s = hgnn.slice %x {offset = $W : i64, size = $W : i64} : $PFL\n"
     "%t = hgnn.pad %s {offset = $V : i64, size = $T : i64} : $PAR", "%t : $PFL"},
    {"clip", "%x: $SCA, %y: $SCA", "%c = hgnn.clip_factor %x, %y {max_norm = 0.9 : f64} : $SCA, $SCA",
     "%c : $SCA"},
    {"param_concat", "%x: $PAW, %y: $PAR, %k: $SCA",
     "%c = hgnn.concat %x, %y : $PAW, $PAR\n %s = hgnn.scale_rows %c, %k : $PC2, $SCA\n"
     "%t = hgnn.add %s, %c : $PC2, $PC2",
     "%s, %t : $PC2, $PC2"},
    {"param_row", "%x: $PAW, %y: $PAW",
     "%d = hgnn.row_dot %x, %y : $PAW, $PAW\n %m = hgnn.scale_rows %x, %d : $PAW, $SCA\n"
     "%h = hgnn.layer_norm_xhat %m : $PAW", "%h, %d : $PAW, $SCA"},
    // Sparse rows.
    {"sparse_linear", "%s: $SPA, %w: $WSP, %y: $ROW",
     "%x = hgnn.sparse_linear %s, %w : $SPA, $WSP\n %z = hgnn.add %x, %y : $ROW, $ROW", "%z : $ROW"},
    {"sparse_grad", "%s: $SPA, %g: $ROW",
     "%w = hgnn.sparse_linear_grad_weight %s, %g : $SPA, $ROW", "%w : $WSP"},
};
// clang-format on

std::string types(std::string text, int64_t width) {
  std::string weights;
  for (int64_t i = 0; i < width; ++i)
    weights += (i ? ", " : "") + std::to_string(0.5 + 0.25 * double(i % 5));
  auto tensor = [](const std::string &domain, const std::string &shape) {
    return "!hgnn.tensor<" + domain + " : " + shape + "xf32>";
  };
  std::string w = std::to_string(width), c = std::to_string(2 * width + 1);
  std::string two = std::to_string(2 * width), more = std::to_string(width + 2); // of terms
  text = fill(text, {{"$ROW2", tensor("rows(0, @t0)", two)},
                     {"$ROWS", tensor("rows(0, @t0)", more)},
                     {"$ACTB2", tensor("active(0, @r1)", two)},
                     {"$ACTBS", tensor("active(0, @r1)", more)},
                     {"$ACTBC", tensor("active(0, @r1)", c)},
                     {"$ACT2", tensor("active(0, @r0)", two)},
                     {"$ABONE", tensor("active(0, @r1)", "1")}});
  text = fill(text, {{"$ACTS", tensor("active(0, @r0)", more)}});
  text = fill(text, {{"$SRC", tensor("rows(1, @t1)", w)},
                     {"$ROW", tensor("rows(0, @t0)", w)},
                     {"$ONE", tensor("rows(0, @t0)", "1")},
                     {"$FAR", tensor("rows(1, @t0)", w)},
                     {"$EDGB", tensor("edges(0, @r1)", w)},
                     {"$EDGE", tensor("edges(0, @r0)", w)},
                     {"$E1", tensor("edges(0, @r0)", "1")},
                     {"$A1", tensor("active(0, @r0)", "1")},
                     {"$PAR", tensor("param", w)},
                     {"$PAW", tensor("param", "5x" + w)},
                     {"$PC2", tensor("param", std::to_string(6 * width))},
                     {"$PA2", tensor("param", w + "x3")},
                     {"$PA3", tensor("param", "3x" + w)},
                     {"$PFL", tensor("param", std::to_string(3 * width + 2))},
                     {"$SCA", tensor("param", "1")},
                     {"$CAT", tensor("rows(0, @t0)", c)},
                     {"$WSP", tensor("param", "37x" + w)},
                     {"$ADJ", "!hgnn.adj<0, @r0 from @t1 to @t0>"},
                     {"$ADB", "!hgnn.adj<0, @r1 from @t1 to @t0>"},
                     {"$LNK", "!hgnn.link<0, @t0>"},
                     {"$IDS", "!hgnn.ids<rows(0, @t0)>"},
                     {"$IDF", "!hgnn.ids<rows(1, @t0)>"},
                     {"$LAB", "!hgnn.labels<rows(0, @t0), " + w + ">"},
                     {"$MUL", "!hgnn.labels<rows(0, @t0), " + w + ", multi>"},
                     {"$SPA", "!hgnn.sparse<rows(0, @t0), 37>"},
                     {"$WGT", weights}});
  text = fill(text, {{"$ACTB", tensor("active(0, @r1)", w)}});
  text = fill(text, {{"$ACT", tensor("active(0, @r0)", w)},
                     {"$W", w},
                     {"$V", std::to_string(width + 1)},
                     {"$T", std::to_string(3 * width + 2)},
                     {"$C", c}});
  return text;
}

std::string moduleText(int64_t width) {
  std::string text;
  for (const Case &c : cases)
    text += std::string("hgnn.kernel @") + c.name + " {\n^bb0(" + c.arguments + "):\n " + c.body +
            "\n hgnn.yield " + c.yield + "\n}\n";
  return types(text, width);
}

class OpsTest : public testing::TestWithParam<int64_t> {};

TEST_P(OpsTest, AgreeWithNaiveLoops) {
  KernelModule module(moduleText(GetParam()));
  ASSERT_TRUE(module.ok());
  std::mt19937 rng(static_cast<unsigned>(GetParam()));
  const Counts sizes[] = {
      {{"rows(0, @t0)", 61}, {"rows(1, @t1)", 83}, {"rows(1, @t0)", 97}},
      {{"rows(0, @t0)", 1}, {"rows(1, @t1)", 2}, {"rows(1, @t0)", 1}},
      {{"rows(0, @t0)", 5}, {"rows(1, @t1)", 0}, {"rows(1, @t0)", 9}}, // relations without edges
      {{"rows(0, @t0)", 0}, {"rows(1, @t1)", 4}, {"rows(1, @t0)", 3}}, // no rows
  };
  for (const Counts &counts : sizes) {
    if (GetParam() > 1000 && counts.at("rows(0, @t0)") > 10)
      continue; // the naive loops take long
    for (const Case &c : cases) {
      SCOPED_TRACE(std::string(c.name) + " width " + std::to_string(GetParam()) + " rows " +
                   std::to_string(counts.at("rows(0, @t0)")));
      Inputs inputs = module.randomInputs(c.name, counts, rng);
      bool chunks = module.signature(c.name).mode == compiler::KernelMode::Chunks;
      auto whole = module.run(c.name, inputs, counts);
      Arrays expected = reference(module.kernel(c.name), inputs, counts);
      ASSERT_EQ(whole.size(), expected.size());
      for (size_t i = 0; i < whole.size(); ++i)
        expectClose(whole[i], expected[i], 2e-5, c.name);
      if (chunks) { // any number of chunks; another association, so not the same bits
        for (int64_t rows : {1, 7, 40}) {
          auto parts = module.run(c.name, inputs, counts, {}, rows);
          for (size_t i = 0; i < parts.size(); ++i)
            expectClose(parts[i], expected[i], 2e-5, c.name);
        }
      } else {
        for (std::vector<int64_t> splits : {std::vector<int64_t>{1, 2, 3}, {17}, {5, 30, 31, 59}})
          EXPECT_EQ(module.run(c.name, inputs, counts, splits), whole) << "split";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, OpsTest,
                         testing::Values(1, 7, 26, 31, 33, 40, 64, 65, 128, 349, 2983),
                         [](const auto &info) { return "W" + std::to_string(info.param); });

/// All but the order of a few additions of zeros is fixed by the code, not by the registers.
TEST(Targets, GiveTheSameBits) {
  if (compiler::hostKernelTarget() == "x86-64-v2" || compiler::hostKernelTarget() == "aarch64")
    GTEST_SKIP() << "this machine knows one level only";
  for (int64_t width : {47, 300}) {
    KernelModule v2(moduleText(width), "x86-64-v2"), v3(moduleText(width), "x86-64-v3");
    bool more = compiler::hostKernelTarget() == "x86-64-v4"; // else only what is emitted for it
    KernelModule wide(moduleText(width), more ? "x86-64-v4" : "x86-64-v3-wide");
    ASSERT_TRUE(v2.ok() && v3.ok() && wide.ok());
    std::mt19937 rng(3);
    Counts counts{{"rows(0, @t0)", 61}, {"rows(1, @t1)", 83}, {"rows(1, @t0)", 97}};
    for (const Case &c : cases) {
      Inputs inputs = v3.randomInputs(c.name, counts, rng);
      auto expected = v2.run(c.name, inputs, counts);
      for (const KernelModule *module : {&v3, &wide}) {
        auto actual = module->run(c.name, inputs, counts);
        for (size_t i = 0; i < expected.size(); ++i)
          EXPECT_EQ(0, std::memcmp(expected[i].data(), actual[i].data(), expected[i].size() * 4))
              << c.name << " result " << i << " width " << width;
      }
    }
  }
}

TEST(Losses, AreFiniteForLargeLogits) {
  KernelModule module(moduleText(26));
  ASSERT_TRUE(module.ok());
  std::mt19937 rng(4);
  Counts counts{{"rows(0, @t0)", 20}, {"rows(1, @t1)", 1}, {"rows(1, @t0)", 20}};
  for (const char *name : {"softmax_xent", "sigmoid_xent"}) {
    Inputs inputs = module.randomInputs(name, counts, rng);
    for (float &z : inputs.data[0])
      z *= 500;
    for (auto &values : module.run(name, inputs, counts))
      for (float value : values)
        EXPECT_TRUE(std::isfinite(value)) << name;
  }
}

// Scores far apart and numbers of any size: no infinity is subtracted.
TEST(Terms, AreFiniteForLargeScores) {
  KernelModule module(moduleText(26));
  ASSERT_TRUE(module.ok());
  std::mt19937 rng(6);
  Counts counts{{"rows(0, @t0)", 40}, {"rows(1, @t1)", 30}, {"rows(1, @t0)", 40}};
  for (const char *name : {"softmax_value", "softmax_grad"}) {
    Inputs inputs = module.randomInputs(name, counts, rng);
    for (int scores : {1, 4})
      for (float &x : inputs.data[scores])
        x *= 1e4f;
    Arrays expected = reference(module.kernel(name), inputs, counts);
    auto values = module.run(name, inputs, counts);
    for (size_t i = 0; i < values.size(); ++i)
      expectClose(values[i], expected[i], 2e-5, name);
  }
}

TEST(NotANumber, GoesThrough) {
  KernelModule module(moduleText(7));
  ASSERT_TRUE(module.ok());
  std::mt19937 rng(5);
  Counts counts{{"rows(0, @t0)", 3}, {"rows(1, @t1)", 1}, {"rows(1, @t0)", 3}};
  for (const char *name : {"relu", "functions", "layer_norm", "mul_add", "argmax_ties"}) {
    Inputs inputs = module.randomInputs(name, counts, rng);
    inputs.data[0][8] = NAN;
    size_t width = size_t(name == std::string("argmax_ties") ? 14 : 7); // row 1, column 1
    for (auto &values : module.run(name, inputs, counts))
      EXPECT_TRUE(std::isnan(values[width + 1])) << name;
  }
}

} // namespace
