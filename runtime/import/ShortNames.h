//===- ShortNames.h - readable names for IRIs --------------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_IMPORT_SHORTNAMES_H
#define HEDDLE_RUNTIME_IMPORT_SHORTNAMES_H

#include <set>
#include <string>
#include <vector>

namespace heddle::importing {

/// A name for every one of the distinct `iris`, in their order: what follows the last '#', '/' or
/// ':', and where names would be equal (or be "rev_" before another one: reverse views are called
/// so), as many parts before it as tell them apart, joined by '.'. The namespaces of RDF, RDFS, OWL
/// and XSD count as one part: "rdf.type" beside "ontology.type". No name is in `taken`, is empty,
/// or holds
/// ':' or a control character. A function of the set of IRIs, not of their order.
std::vector<std::string> shortNames(const std::vector<std::string> &iris,
                                    const std::set<std::string> &taken = {});

} // namespace heddle::importing

#endif // HEDDLE_RUNTIME_IMPORT_SHORTNAMES_H
