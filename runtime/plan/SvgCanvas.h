//===- SvgCanvas.h - shapes of a picture of a plan ---------------*- C++ -*-===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Lengths are in pixels of an SVG with text of 12 px. Widths of text are estimated from the columns
// it would take on a terminal, on the safe side, so that nothing depends on a font.
//
//===----------------------------------------------------------------------===//
#ifndef HEDDLE_RUNTIME_PLAN_SVGCANVAS_H
#define HEDDLE_RUNTIME_PLAN_SVGCANVAS_H

#include "runtime/plan/Metatree.h"

namespace heddle::plan::svg {

inline constexpr double lineHeight = 18; ///< of the lines of a box
inline constexpr const char *grey = "#555555";

/// Text for XML 1.0: printable, and without the two characters that it cannot hold.
std::string escaped(const std::string &text);
/// A coordinate.
std::string px(double value);
double widthOf(const std::string &text);
/// Of the number of a partition on its colour.
double chipWidth(uint32_t partition);

struct Box {
  double x = 0, y = 0, width = 0, height = 0;
  double middle() const { return y + height / 2; }
};

/// A line of a box: the numbers of partitions, then text.
struct Line {
  std::vector<uint32_t> chips;
  std::string text;
  bool bold = false;
  double width() const;
};
/// Of a box that holds them.
double heightOf(const std::vector<Line> &lines);

/// Collects shapes; later ones cover earlier ones.
class Canvas {
public:
  /// (x, y) is where the text's base line starts; `attributes` are SVG's.
  void text(double x, double y, const std::string &text, const std::string &attributes = "");
  /// A name with figures behind it.
  void label(double x, double y, const std::string &name, const std::string &figures, bool faint);
  /// The number of a partition on its colour; returns the x behind it.
  double chip(double x, double middle, uint32_t partition);
  void box(const Box &box, const std::vector<Line> &lines, double radius, bool heavy,
           const std::string &title);
  /// A line in the partition's colour; `path` is SVG's, `title` (shown by a pointer) escaped.
  void curve(const std::string &path, uint32_t partition, bool faint, const std::string &title);
  /// The tip of a line, at (x, y), pointing to the left.
  void arrow(double x, double y, uint32_t partition);
  /// The picture on white.
  std::string str(double width, double height, const std::string &title) const;

private:
  std::string body_;
};

} // namespace heddle::plan::svg

#endif // HEDDLE_RUNTIME_PLAN_SVGCANVAS_H
