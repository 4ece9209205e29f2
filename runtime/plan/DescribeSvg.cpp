//===- DescribeSvg.cpp - the metatree as a picture ----------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
// Columns are hops, the seeds on the left. Between two columns each line has a lane of its own,
// with its label on it, so that no label covers another, however many lines there are. Widths of
// text are estimated: nothing here depends on a font.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Format.h"
#include "runtime/plan/DescribeText.h"
#include "runtime/plan/SvgCanvas.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace heddle::plan {
namespace {

using svg::Box, svg::Canvas, svg::chipWidth, svg::escaped, svg::Line, svg::lineHeight, svg::px,
    svg::widthOf;

constexpr double margin = 24, laneHeight = 22, boxGap = 18;
constexpr double bend = 70; ///< width of the space in which lines leave boxes and reach lanes
constexpr size_t nameColumns = 28;
/// A hop with more links than this has those between the same two vertices bundled.
constexpr size_t separateLinks = 24;
constexpr uint32_t legendItems = 64;

/// The rest of a path: from (x1, y1), where it is, to (x2, y2), level at both ends.
std::string bendTo(double x1, double y1, double x2, double y2) {
  double middle = (x1 + x2) / 2;
  return " C" + px(middle) + " " + px(y1) + " " + px(middle) + " " + px(y2) + " " + px(x2) + " " +
         px(y2);
}

class Picture {
public:
  Picture(const PlanT &plan, const StepFacts &step)
      : plan_(plan), step_(step), tree_(metatreeOf(plan, step)),
        bundles_(bundlesOf(tree_, separateLinks)) {}

  std::string draw() {
    orderColumns();
    orderLanes();
    measure();
    placeColumns();
    placeRows();
    drawLanes();
    drawMerges();
    for (size_t v = 0; v < tree_.vertices.size(); ++v)
      canvas_.box(boxes_[v], lines_[v], 8, tree_.vertices[v].hop == 0,
                  typeName(plan_, tree_.vertices[v].nodeType));
    drawHeader();
    return canvas_.str(width_, top_ + height_ + margin, title());
  }

private:
  struct Lane {
    size_t bundle = 0;
    std::string name, figures;
    std::string title; ///< escaped, may have lines
    double y = 0;
    bool faint = false;
  };
  struct Merge {
    std::vector<Line> lines;
    Box box;
  };

  std::string title() const { return "Metatree of '" + step_.name + "'"; }
  uint32_t hopOf(size_t vertex) const { return tree_.vertices[vertex].hop; }

  /// Vertices of each hop from top to bottom: each near the middle of what its links lead to, whose
  /// order is known by then.
  void orderColumns() {
    for (size_t v = 0; v < tree_.vertices.size(); ++v) {
      columns_.resize(std::max<size_t>(columns_.size(), hopOf(v) + 1));
      columns_[hopOf(v)].push_back(v);
    }
    rank_.assign(tree_.vertices.size(), 0);
    for (std::vector<size_t> &column : columns_) {
      std::map<size_t, double> wanted;
      for (size_t v : column) {
        double sum = 0, links = 0;
        for (const LinkBundle &bundle : bundles_)
          if (bundle.from == v) {
            sum += rank_[bundle.to];
            ++links;
          }
        wanted[v] = links > 0 ? sum / links : 1;
      }
      std::sort(column.begin(), column.end(), [&](size_t a, size_t b) {
        return std::tuple(wanted[a], a) < std::tuple(wanted[b], b);
      });
      for (size_t i = 0; i < column.size(); ++i)
        rank_[column[i]] = (double(i) + 0.5) / double(column.size());
    }
  }

  void orderLanes() {
    lanes_.resize(columns_.size());
    for (size_t b = 0; b < bundles_.size(); ++b)
      lanes_[hopOf(bundles_[b].to)].push_back(laneOf(b));
    for (std::vector<Lane> &lanes : lanes_)
      std::sort(lanes.begin(), lanes.end(), [&](const Lane &a, const Lane &b) {
        const LinkBundle &x = bundles_[a.bundle], &y = bundles_[b.bundle];
        return std::tuple(rank_[x.from] + rank_[x.to], rank_[x.to], x.from, x.partition, a.bundle) <
               std::tuple(rank_[y.from] + rank_[y.to], rank_[y.to], y.from, y.partition, b.bundle);
      });
  }

  Lane laneOf(size_t index) const {
    const LinkBundle &bundle = bundles_[index];
    Lane lane;
    lane.bundle = index;
    double edges = 0;
    bool known = true;
    constexpr size_t listed = 50; // in what a pointer shows
    for (size_t i = 0; i < bundle.links.size(); ++i) {
      const Metatree::Link &link = tree_.links[bundle.links[i]];
      known = known && link.edges >= 0;
      edges += std::max(0.0, link.edges);
      if (i < listed)
        lane.title += (i ? "\n" : "") + escaped(nameOf(link, true) + " " + linkFigures(link));
    }
    if (bundle.links.size() > listed)
      lane.title += "\n... and " + formatInteger(bundle.links.size() - listed) + " more";
    const Metatree::Link &first = tree_.links[bundle.links.front()];
    if (bundle.links.size() == 1) {
      lane.name = ellipsize(printable(nameOf(first, false)), nameColumns);
      lane.figures = linkFigures(first);
    } else {
      lane.name = count(bundle.links.size(), "relation");
      lane.figures = known ? formatCount(edges) + " edges" : "";
    }
    lane.faint = known && !(edges > 0);
    return lane;
  }

  std::string nameOf(const Metatree::Link &link, bool full) const {
    if (link.relation < 0)
      return "self";
    return full ? relationTriple(plan_, uint32_t(link.relation))
                : plan_.relations[size_t(link.relation)]->name;
  }

  std::vector<Line> linesOf(const Metatree::Vertex &vertex) const {
    std::vector<Line> lines = {
        {{}, ellipsize(printable(typeName(plan_, vertex.nodeType)), nameColumns), true}};
    double first = vertex.rows.empty() ? -1 : vertex.rows.begin()->second, least = first,
           most = first;
    std::vector<uint32_t> partitions;
    for (const auto &[partition, rows] : vertex.rows) {
      least = std::min(least, rows);
      most = std::max(most, rows);
      partitions.push_back(partition);
    }
    constexpr size_t most_chips = 6;
    auto rows = [](double value) { return value < 0 ? "" : formatCount(value) + " rows"; };
    if (plan_.partitions == 1) {
      if (first >= 0)
        lines.push_back({{}, rows(first)});
    } else if (least == most && partitions.size() <= most_chips) {
      lines.push_back(
          {partitions, rows(first) + (first >= 0 && partitions.size() > 1 ? " each" : "")});
    } else if (partitions.size() <= most_chips) {
      for (const auto &[partition, value] : vertex.rows)
        lines.push_back({{partition}, rows(value)});
    } else {
      std::string list = partitionList(partitions, plan_.partitions);
      lines.push_back({{}, list == "all" ? "in all partitions" : "in partitions " + list});
      if (least >= 0)
        lines.push_back(
            {{}, least == most ? rows(most) + " each" : formatCount(least) + " to " + rows(most)});
    }
    return lines;
  }

  void measure() {
    for (const Metatree::Vertex &vertex : tree_.vertices) {
      lines_.push_back(linesOf(vertex));
      boxes_.emplace_back();
      boxes_.back().height = svg::heightOf(lines_.back());
    }
    for (const Metatree::Merge &merge : tree_.merges) {
      Merge drawn;
      drawn.lines.push_back(
          {{}, merge.kind + merge.merges + " " + std::to_string(merge.collective), true});
      if (merge.numbers > 0)
        drawn.lines.push_back({{}, formatInteger(merge.numbers) + " numbers a row"});
      if (merge.leader >= 0)
        drawn.lines.push_back({{uint32_t(merge.leader)}, "leads"});
      drawn.box.height = svg::heightOf(drawn.lines);
      merges_.push_back(std::move(drawn));
    }
  }

  /// x of all boxes and lanes.
  void placeColumns() {
    double x = margin, widest = 0;
    for (Merge &merge : merges_) {
      for (const Line &line : merge.lines)
        merge.box.width = std::max(merge.box.width, line.width() + 20);
      widest = std::max(widest, merge.box.width);
    }
    for (Merge &merge : merges_) {
      merge.box.x = x;
      merge.box.width = widest;
    }
    if (!merges_.empty())
      x += widest + bend;
    for (size_t hop = 0; hop < columns_.size(); ++hop) {
      double width = widthOf("hop 0 (seeds)") + 20;
      for (size_t v : columns_[hop])
        for (const Line &line : lines_[v])
          width = std::max(width, line.width() + 20);
      for (size_t v : columns_[hop]) {
        boxes_[v].x = x;
        boxes_[v].width = width;
      }
      columnX_.push_back(x);
      x += width;
      double lane = 0;
      for (const Lane &l : lanes_[hop])
        lane = std::max(lane, chipWidth(bundles_[l.bundle].partition) + 4 + widthOf(l.name) + 8 +
                                  widthOf(l.figures) + 8);
      laneX_.push_back(x + bend);
      laneWidth_.push_back(lane);
      if (!lanes_[hop].empty())
        x += lane + 2 * bend;
    }
    width_ = std::max(x + margin, 2 * margin + widthOf(title()) * 1.6);
  }

  /// Boxes one under the other, each as near to `wanted` (of its middle) as the others let it.
  void stack(const std::vector<Box *> &boxes, const std::vector<double> &wanted) const {
    double bottom = -boxGap;
    for (size_t i = 0; i < boxes.size(); ++i) {
      boxes[i]->y = std::max(wanted[i] - boxes[i]->height / 2, bottom + boxGap);
      bottom = boxes[i]->y + boxes[i]->height;
    }
    double limit = height_;
    for (size_t i = boxes.size(); i-- > 0;) {
      boxes[i]->y = std::max(0.0, std::min(boxes[i]->y, limit - boxes[i]->height));
      limit = boxes[i]->y - boxGap;
    }
  }

  static double stackHeight(const std::vector<Box *> &boxes) {
    double sum = -boxGap;
    for (const Box *box : boxes)
      sum += box->height + boxGap;
    return std::max(sum, 0.0);
  }

  /// y of all boxes and lanes, from 0; the header comes above.
  void placeRows() {
    std::vector<std::vector<Box *>> stacks;
    for (const std::vector<size_t> &column : columns_) {
      stacks.emplace_back();
      for (size_t v : column)
        stacks.back().push_back(&boxes_[v]);
      height_ = std::max(height_, stackHeight(stacks.back()));
    }
    std::vector<Box *> merges;
    for (Merge &merge : merges_)
      merges.push_back(&merge.box);
    height_ = std::max(height_, stackHeight(merges));
    for (const std::vector<Lane> &lanes : lanes_)
      height_ = std::max(height_, laneHeight * double(lanes.size()));
    std::vector<double> sum(boxes_.size(), 0), links(boxes_.size(), 0);
    for (std::vector<Lane> &lanes : lanes_) {
      double step = std::min(laneHeight * 1.6, height_ / std::max<double>(1, double(lanes.size())));
      double y = (height_ - step * double(lanes.size())) / 2 + step / 2;
      for (Lane &lane : lanes) {
        lane.y = y;
        y += step;
        for (size_t v : {bundles_[lane.bundle].from, bundles_[lane.bundle].to}) {
          sum[v] += lane.y;
          ++links[v];
        }
      }
    }
    for (size_t hop = 0; hop < columns_.size(); ++hop) {
      std::vector<double> wanted;
      for (size_t v : columns_[hop])
        wanted.push_back(links[v] > 0 ? sum[v] / links[v] : height_ * rank_[v]);
      stack(stacks[hop], wanted);
    }
    std::vector<double> wanted;
    double all = stackHeight(merges), y = 0;
    for (size_t m = 0; m < merges.size(); ++m) {
      double seeds = boxes_[tree_.merges[m].vertex].middle();
      wanted.push_back(seeds - all / 2 + y + merges[m]->height / 2);
      y += merges[m]->height + boxGap;
    }
    stack(merges, wanted);

    partitions_.resize(boxes_.size());
    for (const LinkBundle &bundle : bundles_) {
      arrivals_.insert({bundle.to, bundle.partition});
      partitions_[bundle.from].insert(bundle.partition);
      partitions_[bundle.to].insert(bundle.partition);
    }
    shiftBelowHeader();
  }

  void shiftBelowHeader() {
    top_ = margin + 24 + legendRows() * lineHeight + 44;
    for (Box &box : boxes_)
      box.y += top_;
    for (Merge &merge : merges_)
      merge.box.y += top_;
    for (std::vector<Lane> &lanes : lanes_)
      for (Lane &lane : lanes)
        lane.y += top_;
  }

  /// Where lines of a partition meet a vertex: partitions from top to bottom.
  double portOf(size_t vertex, uint32_t partition) const {
    const std::set<uint32_t> &all = partitions_[vertex];
    auto before = double(std::distance(all.begin(), all.find(partition)));
    const Box &box = boxes_[vertex];
    return box.y + box.height * (before + 1) / (double(all.size()) + 1);
  }

  void drawLanes() {
    for (size_t hop = 0; hop < lanes_.size(); ++hop)
      for (const Lane &lane : lanes_[hop]) {
        const LinkBundle &bundle = bundles_[lane.bundle];
        const Box &from = boxes_[bundle.from], &to = boxes_[bundle.to];
        double left = laneX_[hop], right = left + laneWidth_[hop], y = lane.y + 7;
        double start = portOf(bundle.from, bundle.partition),
               end = portOf(bundle.to, bundle.partition), tip = to.x + to.width + 8;
        canvas_.curve("M" + px(from.x) + " " + px(start) + bendTo(from.x, start, right, y) + " H" +
                          px(left) + bendTo(left, y, tip, end),
                      bundle.partition, lane.faint, lane.title);
        double x = plan_.partitions > 1 ? canvas_.chip(left, lane.y - 2, bundle.partition) : left;
        canvas_.label(x + 2, lane.y + 2, lane.name, lane.figures, lane.faint);
      }
    for (const auto &[vertex, partition] : arrivals_)
      canvas_.arrow(boxes_[vertex].x + boxes_[vertex].width, portOf(vertex, partition), partition);
  }

  void drawMerges() {
    for (size_t m = 0; m < merges_.size(); ++m) {
      const Metatree::Merge &merge = tree_.merges[m];
      const Box &from = boxes_[merge.vertex], &to = merges_[m].box;
      for (size_t i = 0; i < merge.participants.size(); ++i) {
        uint32_t partition = merge.participants[i];
        double share = double(i + 1) / double(merge.participants.size() + 1);
        double start = from.y + from.height * share, end = to.y + to.height * share;
        canvas_.curve("M" + px(from.x) + " " + px(start) +
                          bendTo(from.x, start, to.x + to.width + 8, end),
                      partition, false, "partition " + std::to_string(partition));
        canvas_.arrow(to.x + to.width, end, partition);
      }
      canvas_.box(to, merges_[m].lines, 2, false, merge.kind);
    }
  }

  /// "3 root links" of each partition.
  std::string legendText(uint32_t partition) const {
    std::string out = "partition " + std::to_string(partition);
    if (partition < plan_.partition_info.size())
      out += ": " + count(plan_.partition_info[partition]->links.size(), "root link");
    return out;
  }
  static constexpr double legendGap = 24;
  double legendWidth(uint32_t partition) const {
    return chipWidth(partition) + 4 + widthOf(legendText(partition)) + legendGap;
  }
  /// Calls `draw(x, row, partition)` for each item; the number of rows.
  template <class Fn> double layLegend(Fn draw) const {
    if (plan_.partitions < 2)
      return 0;
    double x = margin, row = 0;
    for (uint32_t p = 0; p < std::min(plan_.partitions, legendItems); ++p) {
      if (x > margin && x + legendWidth(p) > width_ - margin + legendGap) {
        x = margin;
        ++row;
      }
      draw(x, row, p);
      x += legendWidth(p);
    }
    return row + 1;
  }
  double legendRows() const {
    return layLegend([](double, double, uint32_t) {});
  }

  void drawHeader() {
    canvas_.text(margin, margin + 12, title(), "font-size=\"16\" font-weight=\"bold\"");
    layLegend([&](double x, double row, uint32_t partition) {
      double middle = margin + 34 + row * lineHeight;
      x = canvas_.chip(x, middle, partition);
      canvas_.text(x, middle + 4, legendText(partition));
    });
    double y = top_ - 16;
    std::string style = std::string("fill=\"") + svg::grey + "\"";
    if (!merges_.empty())
      canvas_.text(margin, y, "merges", style);
    for (size_t hop = 0; hop < columns_.size(); ++hop)
      canvas_.text(columnX_[hop], y, "hop " + std::to_string(hop) + (hop == 0 ? " (seeds)" : ""),
                   style);
    for (size_t hop = 0; hop < lanes_.size(); ++hop)
      if (!lanes_[hop].empty())
        canvas_.text(laneX_[hop], y, "fan-out: edges", style);
  }

  const PlanT &plan_;
  const StepFacts &step_;
  const Metatree tree_;
  const std::vector<LinkBundle> bundles_;
  Canvas canvas_;
  std::vector<std::vector<size_t>> columns_;        ///< vertices of each hop, from top to bottom
  std::vector<double> rank_;                        ///< 0 (top) to 1 of each vertex in its column
  std::vector<std::vector<Lane>> lanes_;            ///< by hop of the destination
  std::vector<std::vector<Line>> lines_;            ///< of each vertex
  std::vector<Box> boxes_;                          ///< of each vertex
  std::vector<Merge> merges_;                       ///< of each merge
  std::vector<double> columnX_, laneX_, laneWidth_; ///< by hop
  std::vector<std::set<uint32_t>> partitions_;      ///< whose lines meet each vertex
  std::set<std::pair<size_t, uint32_t>> arrivals_;  ///< vertex and partition of each arrow
  double width_ = 0, height_ = 0, top_ = 0;
};

} // namespace

std::string metatreeSvg(const PlanT &plan, const StepFacts &step) {
  return Picture(plan, step).draw();
}

} // namespace heddle::plan
