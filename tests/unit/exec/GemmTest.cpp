//===- GemmTest.cpp - dense products against a double loop --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/exec/Gemm.h"

#include <gtest/gtest.h>

#include <random>

namespace heddle::exec {
namespace {

std::vector<float> randomMatrix(std::mt19937 &random, size_t size) {
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  for (float &v : values)
    v = normal(random);
  return values;
}

void expectNear(const std::vector<float> &got, const std::vector<double> &want, double k) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], 1e-6 * k * (1 + std::abs(want[i]))) << i;
}

TEST(Gemm, RowsTimesParameter) {
  std::mt19937 random(1);
  int before = useOneBlasThread();
  for (int64_t m : {0, 1, 3, 255, 256, 257, 1000})
    for (uint32_t k : {1, 5, 16, 64})
      for (uint32_t n : {1, 7, 26, 64})
        for (bool transpose : {false, true})
          for (bool accumulate : {false, true}) {
            plan::GemmAttrsT attrs;
            attrs.gemm = plan::GemmKind::RowsParam;
            attrs.k = k;
            attrs.n = n;
            attrs.transpose_b = transpose;
            attrs.accumulate = accumulate;
            auto a = randomMatrix(random, size_t(m) * k), b = randomMatrix(random, size_t(k) * n);
            auto c = randomMatrix(random, size_t(m) * n);
            std::vector<double> want(c.begin(), c.end());
            for (int64_t i = 0; i < m; ++i)
              for (uint32_t j = 0; j < n; ++j) {
                double sum = 0;
                for (uint32_t l = 0; l < k; ++l)
                  sum += double(a[size_t(i) * k + l]) *
                         b[transpose ? size_t(j) * k + l : size_t(l) * n + j];
                double &to = want[size_t(i) * n + j];
                to = accumulate ? to + sum : sum;
              }
            // In any pieces of whole tiles.
            std::vector<float> pieces = c;
            ASSERT_TRUE(gemmRows(attrs, a.data(), b.data(), c.data(), 0, m));
            expectNear(c, want, k);
            for (int64_t row = 0; row < m; row += gemmTileRows)
              ASSERT_TRUE(gemmRows(attrs, a.data(), b.data(), pieces.data(), row,
                                   std::min(m, row + gemmTileRows)));
            EXPECT_EQ(c, pieces);
          }
  restoreBlasThreads(before);
}

TEST(Gemm, HeadsSideBySide) {
  std::mt19937 random(4);
  int before = useOneBlasThread();
  for (int64_t m : {0, 1, 255, 300})
    for (uint32_t heads : {2, 5})
      for (uint32_t k : {1, 8, 13})
        for (uint32_t n : {1, 6, 16}) {
          plan::GemmAttrsT attrs;
          attrs.gemm = plan::GemmKind::RowsParam;
          attrs.k = k;
          attrs.n = n;
          attrs.heads = heads;
          auto a = randomMatrix(random, size_t(m) * k * heads);
          auto b = randomMatrix(random, size_t(k) * n * heads);
          auto g = randomMatrix(random, size_t(m) * n * heads);
          const size_t from = size_t(k) * heads, to = size_t(n) * heads;
          for (bool transpose : {false, true}) {
            attrs.transpose_b = transpose;
            std::vector<double> want(size_t(m) * to);
            for (int64_t i = 0; i < m; ++i)
              for (uint32_t h = 0; h < heads; ++h)
                for (uint32_t j = 0; j < n; ++j)
                  for (uint32_t l = 0; l < k; ++l)
                    want[size_t(i) * to + h * n + j] +=
                        double(a[size_t(i) * from + h * k + l]) *
                        b[h * k * n + (transpose ? j * k + l : l * n + j)];
            std::vector<float> c(want.size());
            ASSERT_TRUE(gemmRows(attrs, a.data(), b.data(), c.data(), 0, m));
            expectNear(c, want, k);
          }
          attrs.gemm = plan::GemmKind::ParamGrad;
          attrs.transpose_b = false;
          attrs.chunk_rows = 100;
          int64_t chunks = (m + 99) / 100;
          std::vector<double> want(size_t(chunks) * heads * k * n);
          for (int64_t i = 0; i < m; ++i)
            for (uint32_t h = 0; h < heads; ++h)
              for (uint32_t l = 0; l < k; ++l)
                for (uint32_t j = 0; j < n; ++j)
                  want[((size_t(i / 100) * heads + h) * k + l) * n + j] +=
                      double(a[size_t(i) * from + h * k + l]) * g[size_t(i) * to + h * n + j];
          std::vector<float> c(want.size());
          for (int64_t chunk = 0; chunk < chunks; ++chunk)
            ASSERT_TRUE(gemmChunk(attrs, a.data(), g.data(), c.data(), m, chunk));
          expectNear(c, want, 100);
        }
  restoreBlasThreads(before);
}

TEST(Gemm, ParameterGradientInChunks) {
  std::mt19937 random(2);
  int before = useOneBlasThread();
  for (int64_t m : {1, 99, 100, 101, 350})
    for (uint32_t k : {1, 16, 33})
      for (uint32_t n : {1, 26}) {
        plan::GemmAttrsT attrs;
        attrs.gemm = plan::GemmKind::ParamGrad;
        attrs.k = k;
        attrs.n = n;
        attrs.chunk_rows = 100;
        auto a = randomMatrix(random, size_t(m) * k), b = randomMatrix(random, size_t(m) * n);
        int64_t chunks = (m + 99) / 100;
        std::vector<float> c(size_t(chunks) * k * n, 9.0f);
        std::vector<double> want(c.size());
        for (int64_t row = 0; row < m; ++row)
          for (uint32_t i = 0; i < k; ++i)
            for (uint32_t j = 0; j < n; ++j)
              want[(size_t(row / 100) * k + i) * n + j] +=
                  double(a[size_t(row) * k + i]) * b[size_t(row) * n + j];
        for (int64_t chunk = 0; chunk < chunks; ++chunk)
          ASSERT_TRUE(gemmChunk(attrs, a.data(), b.data(), c.data(), m, chunk));
        expectNear(c, want, 100);
      }
  restoreBlasThreads(before);
}

} // namespace
} // namespace heddle::exec
