//===- SameFunctions.h - our declarations against NVIDIA's -------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_TESTS_UNIT_CUDA_SAMEFUNCTIONS_H
#define HEDDLE_TESTS_UNIT_CUDA_SAMEFUNCTIONS_H

#include <type_traits>

namespace heddle::cuda {

template <class T> constexpr bool isWhole = std::is_integral_v<T> || std::is_enum_v<T>;

/// Whether a caller passes the two in one way.
template <class Ours, class Theirs> constexpr bool sameArgument() {
  if constexpr (std::is_class_v<Ours> && std::is_class_v<Theirs>)
    return sizeof(Ours) == sizeof(Theirs) && alignof(Ours) == alignof(Theirs);
  else
    return (std::is_pointer_v<Ours> && std::is_pointer_v<Theirs>) ||
           (isWhole<Ours> && isWhole<Theirs> && sizeof(Ours) == sizeof(Theirs));
}

template <class Ours, class Theirs> struct Same : std::false_type {};
template <class R, class... A, class S, class... B>
  requires(sizeof...(A) == sizeof...(B))
struct Same<R (*)(A...), S (*)(B...)>
    : std::bool_constant<sameArgument<R, S>() && (sameArgument<A, B>() && ...)> {};

} // namespace heddle::cuda

#endif // HEDDLE_TESTS_UNIT_CUDA_SAMEFUNCTIONS_H
