//===- SvgCanvas.cpp - shapes of a picture of a plan --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/SvgCanvas.h"

#include "runtime/base/Format.h"

#include <cstdio>

namespace heddle::plan::svg {

namespace {
constexpr double columnWidth = 7.2; ///< of text of 12 px, for each terminal column
constexpr double chipHeight = 14;
} // namespace

std::string escaped(const std::string &text) {
  std::string out, clean = printable(text);
  for (size_t i = 0; i < clean.size(); ++i) {
    char c = clean[i];
    if (clean.compare(i, 3, "\xEF\xBF\xBE") == 0 || clean.compare(i, 3, "\xEF\xBF\xBF") == 0) {
      out += "\xEF\xBF\xBD";
      i += 2;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string px(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", value);
  return buffer;
}

double widthOf(const std::string &text) {
  return columnWidth * double(displayWidth(printable(text)));
}

double chipWidth(uint32_t partition) {
  return 8 + columnWidth * double(std::to_string(partition).size());
}

double Line::width() const {
  double out = widthOf(text) * (bold ? 1.1 : 1.0);
  for (uint32_t partition : chips)
    out += chipWidth(partition) + 4;
  return out;
}

double heightOf(const std::vector<Line> &lines) { return 12 + lineHeight * double(lines.size()); }

void Canvas::text(double x, double y, const std::string &text, const std::string &attributes) {
  body_ += "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\"" +
           (attributes.empty() ? "" : " " + attributes) + ">" + escaped(text) + "</text>\n";
}

void Canvas::label(double x, double y, const std::string &name, const std::string &figures,
                   bool faint) {
  body_ += "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\"" + (faint ? " fill=\"#777777\"" : "") +
           ">" + escaped(name);
  if (!figures.empty())
    body_ += std::string("<tspan dx=\"8\" fill=\"") + (faint ? "#777777" : grey) + "\">" +
             escaped(figures) + "</tspan>";
  body_ += "</text>\n";
}

double Canvas::chip(double x, double middle, uint32_t partition) {
  PartitionStyle style = styleOf(partition);
  double width = chipWidth(partition);
  body_ += "<rect x=\"" + px(x) + "\" y=\"" + px(middle - chipHeight / 2) + "\" width=\"" +
           px(width) + "\" height=\"" + px(chipHeight) + "\" rx=\"3\" fill=\"" + style.colour +
           "\"/>\n";
  text(x + width / 2, middle + 4, std::to_string(partition),
       std::string("text-anchor=\"middle\" font-size=\"11\" font-weight=\"bold\" fill=\"") +
           style.text + "\"");
  return x + width + 4;
}

void Canvas::box(const Box &box, const std::vector<Line> &lines, double radius, bool heavy,
                 const std::string &title) {
  body_ += "<g><title>" + escaped(title) + "</title>\n<rect x=\"" + px(box.x) + "\" y=\"" +
           px(box.y) + "\" width=\"" + px(box.width) + "\" height=\"" + px(box.height) +
           "\" rx=\"" + px(radius) + "\" fill=\"#f5f5f5\" stroke=\"" + grey + "\" stroke-width=\"" +
           (heavy ? "2" : "1") + "\"/>\n";
  double y = box.y + 6;
  for (const Line &line : lines) {
    double x = box.x + 10;
    for (uint32_t partition : line.chips)
      x = chip(x, y + lineHeight / 2, partition);
    if (!line.text.empty())
      text(x, y + lineHeight / 2 + 4, line.text, line.bold ? "font-weight=\"bold\"" : "");
    y += lineHeight;
  }
  body_ += "</g>\n";
}

void Canvas::curve(const std::string &path, uint32_t partition, bool faint,
                   const std::string &title) {
  PartitionStyle style = styleOf(partition);
  body_ += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + style.colour +
           "\" stroke-width=\"" + (faint ? "0.8" : "1.8") + "\"" +
           (*style.dashes ? std::string(" stroke-dasharray=\"") + style.dashes + "\"" : "") +
           "><title>" + title + "</title></path>\n";
}

void Canvas::arrow(double x, double y, uint32_t partition) {
  body_ += "<path d=\"M" + px(x) + " " + px(y) + " l9 -4.5 v9 z\" fill=\"" +
           styleOf(partition).colour + "\"/>\n";
}

std::string Canvas::str(double width, double height, const std::string &title) const {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + px(width) + "\" height=\"" +
         px(height) + "\" viewBox=\"0 0 " + px(width) + " " + px(height) +
         "\" font-family=\"sans-serif\" font-size=\"12\">\n<title>" + escaped(title) +
         "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" + body_ + "</svg>\n";
}

} // namespace heddle::plan::svg
