//===- Numbers.cpp - comparing named arrays --------------------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "tests/e2e/differential/Numbers.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace heddle::test {

void Findings::add(const std::string &where, const std::string &what, double difference,
                   double limit) {
  char text[80];
  std::snprintf(text, sizeof(text), ": off by %.3g, at most %.3g is right", difference, limit);
  lines.push_back(where + ": " + what + text);
}

void Findings::add(const std::string &where, const std::string &what) {
  lines.push_back(where + ": " + what);
}

void Findings::within(const std::string &where, const std::string &what, double difference,
                      double limit) {
  if (!(difference <= limit))
    return add(where, what, difference, limit);
  if (difference / limit > closest) {
    closest = difference / limit;
    closestWhat = where + ": " + what;
  }
}

double normOf(const std::vector<double> &x) {
  double sum = 0;
  for (double value : x)
    sum += value * value;
  return std::sqrt(sum);
}

double normwise(const std::vector<double> &got, const std::vector<double> &wanted, double floor) {
  if (got.size() != wanted.size())
    return std::numeric_limits<double>::infinity();
  double sum = 0;
  for (size_t i = 0; i < got.size(); ++i)
    sum += (got[i] - wanted[i]) * (got[i] - wanted[i]);
  if (!std::isfinite(sum))
    return std::numeric_limits<double>::infinity();
  double scale = std::max(normOf(wanted), floor);
  return sum == 0 ? 0 : scale == 0 ? std::numeric_limits<double>::infinity() : std::sqrt(sum) / scale;
}

void compareArrays(Findings &findings, const std::string &where, const compiler::NumericArrays &got,
                   const compiler::NumericArrays &wanted, const std::string &prefix, double limit,
                   double floor) {
  for (const auto &[name, array] : got)
    if (name.rfind(prefix, 0) == 0 && !wanted.count(name))
      findings.add(where, name + " is there, and should not be");
  for (const auto &[name, array] : wanted) {
    if (name.rfind(prefix, 0) != 0)
      continue;
    auto found = got.find(name);
    if (found == got.end())
      findings.add(where, name + " is missing");
    else
      findings.within(where, name, normwise(found->second.data, array.data, floor), limit);
  }
}

double dot(const compiler::NumericArrays &a, const compiler::NumericArrays &b) {
  double sum = 0;
  for (const auto &[name, array] : a)
    if (auto found = b.find(name); found != b.end())
      for (size_t i = 0; i < array.data.size(); ++i)
        sum += array.data[i] * found->second.data[i];
  return sum;
}

} // namespace heddle::test
