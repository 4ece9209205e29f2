//===- Progress.cpp - progress bars that behave in logs --------------------===//
//
// Part of Heddle, under the Apache License v2.0.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Progress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/ioctl.h>
#include <unistd.h>

namespace heddle {

namespace {

using Clock = std::chrono::steady_clock;

/// 83 -> "01:23", 3723 -> "1:02:03"; negative or unknown -> "?".
std::string clockText(double seconds) {
  if (!(seconds >= 0) || seconds > 1e8)
    return "?";
  int64_t s = static_cast<int64_t>(seconds);
  char text[48];
  if (s >= 3600)
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", static_cast<long long>(s / 3600),
                  static_cast<long long>(s / 60 % 60), static_cast<long long>(s % 60));
  else
    std::snprintf(text, sizeof text, "%02lld:%02lld", static_cast<long long>(s / 60),
                  static_cast<long long>(s % 60));
  return text;
}

/// 45 -> "45", 12345678 -> "12.3M": counts as tqdm's unit_scale shows them.
std::string countText(double n) {
  char text[48];
  if (std::fabs(n) < 100000) {
    std::snprintf(text, sizeof text, "%lld", static_cast<long long>(n));
    return text;
  }
  const char *suffix = "kMGTPE";
  n /= 1000;
  while (std::fabs(n) >= 999.95 && suffix[1]) {
    n /= 1000;
    ++suffix;
  }
  std::snprintf(text, sizeof text, std::fabs(n) < 99.95 ? "%.1f%c" : "%.0f%c", n, *suffix);
  return text;
}

std::string rateText(double perSecond) {
  if (!(perSecond > 0) || !std::isfinite(perSecond))
    return "?it/s";
  char text[48];
  if (perSecond >= 100000)
    return countText(perSecond) + "it/s";
  if (perSecond >= 1000)
    std::snprintf(text, sizeof text, "%.2fkit/s", perSecond / 1000);
  else if (perSecond >= 1)
    std::snprintf(text, sizeof text, "%.2fit/s", perSecond);
  else
    std::snprintf(text, sizeof text, "%.2fs/it", 1 / perSecond);
  return text;
}

/// Number of code points: what a UTF-8 terminal shows, wide characters apart.
size_t shownWidth(std::string_view text) {
  size_t n = 0;
  for (char c : text)
    n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

/// The first `width` code points of `text`.
std::string_view shownPrefix(std::string_view text, size_t width) {
  size_t n = 0;
  for (size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 && n++ == width)
      return text.substr(0, i);
  return text;
}

/// A control character in a name must not move the cursor.
std::string oneLine(std::string_view text) {
  std::string out(text);
  for (char &c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      c = ' ';
  return out;
}

} // namespace

struct Progress::State {
  std::string description, postfix;
  int64_t total = 0, done = 0;
  bool silent = false, bar = false, colour = false, closed = false;
  double logInterval = 5.0;
  Clock::time_point start = Clock::now(), lastDraw = start;
  size_t drawnWidth = 0;

  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start).count(); }

  /// "45/100 [00:12<00:15, 3.60it/s, loss=0.31]"
  std::string numbers() const {
    double seconds = elapsed(), rate = seconds > 0 ? double(done) / seconds : 0;
    std::string text = countText(double(done));
    if (total > 0)
      text += "/" + countText(double(total));
    else
      text += "it";
    text += " [" + clockText(seconds);
    if (total > 0)
      text += "<" + clockText(done >= total ? 0 : rate > 0 ? double(total - done) / rate : -1);
    text += ", " + rateText(rate);
    if (!postfix.empty())
      text += ", " + postfix;
    return text + "]";
  }

  int percent() const {
    return static_cast<int>(100 * std::clamp(double(done) / double(total), 0.0, 1.0));
  }

  std::string plainLine() const {
    std::string text = description.empty() ? "" : description + ": ";
    if (total > 0)
      text += std::to_string(percent()) + "%, ";
    return text + numbers();
  }

  size_t columns() const {
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
      return size.ws_col;
    return 80;
  }

  void drawBar() {
    std::string left = description.empty() ? "" : description + ": ";
    std::string right = numbers();
    size_t width = columns() - 1;
    std::string line;
    size_t shown;
    if (total > 0) {
      char percentText[16];
      std::snprintf(percentText, sizeof percentText, "%3d%%|", percent());
      left += percentText;
      size_t used = shownWidth(left) + shownWidth(right) + 2;
      size_t cells = used + 4 <= width ? std::min<size_t>(width - used, 60) : 4;
      double filled = std::clamp(double(done) / double(total), 0.0, 1.0) * double(cells);
      size_t whole = static_cast<size_t>(filled);
      std::string bars(whole, '#');
      if (whole < cells) {
        int tenth = static_cast<int>((filled - double(whole)) * 10);
        bars += tenth > 0 ? static_cast<char>('0' + tenth) : ' ';
        bars.append(cells - whole - 1, ' ');
      }
      std::string text = left + bars + "| " + right;
      if (shownWidth(text) > width)
        text = std::string(shownPrefix(text, width));
      shown = shownWidth(text);
      line = text;
      if (colour && text.size() >= left.size() + cells)
        line = left + "\x1b[32m" + bars + "\x1b[0m" + text.substr(left.size() + cells);
    } else {
      line = std::string(shownPrefix(left + right, width));
      shown = shownWidth(line);
    }
    std::string out = "\r" + line;
    if (shown < drawnWidth)
      out.append(drawnWidth - shown, ' ');
    drawnWidth = shown;
    std::fwrite(out.data(), 1, out.size(), stderr);
    std::fflush(stderr);
  }

  void draw(bool last) {
    if (silent || closed)
      return;
    lastDraw = Clock::now();
    if (bar) {
      drawBar();
      if (last)
        std::fputc('\n', stderr);
    } else {
      std::string line = plainLine() + "\n";
      std::fwrite(line.data(), 1, line.size(), stderr);
      std::fflush(stderr);
    }
  }

  void maybeDraw() {
    if (silent || closed)
      return;
    double since = std::chrono::duration<double>(Clock::now() - lastDraw).count();
    if (since >= (bar ? 0.1 : logInterval))
      draw(false);
  }
};

Progress::Progress(std::string description, int64_t total, ProgressMode mode,
                   double logIntervalSeconds)
    : state_(std::make_unique<State>()) {
  const char *term = std::getenv("TERM"), *noColor = std::getenv("NO_COLOR");
  bool terminal = isatty(STDERR_FILENO) && !(term && std::strcmp(term, "dumb") == 0);
  state_->description = oneLine(description);
  state_->total = std::max<int64_t>(total, 0);
  state_->silent = mode == ProgressMode::Never;
  state_->bar = terminal || mode == ProgressMode::Always;
  state_->colour = terminal && !(noColor && *noColor);
  state_->logInterval = logIntervalSeconds;
  if (state_->bar)
    state_->draw(false);
}

Progress::~Progress() { close(); }

void Progress::advance(int64_t n) { set(state_->done + n); }

void Progress::set(int64_t done) {
  state_->done = done;
  state_->maybeDraw();
}

void Progress::setTotal(int64_t total) { state_->total = std::max<int64_t>(total, 0); }

void Progress::setPostfix(std::string text) { state_->postfix = oneLine(text); }

void Progress::print(std::string_view line) {
  if (state_->bar && !state_->silent && !state_->closed && state_->drawnWidth) {
    std::string blank = "\r" + std::string(state_->drawnWidth, ' ') + "\r";
    std::fwrite(blank.data(), 1, blank.size(), stderr);
    state_->drawnWidth = 0;
  }
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fputc('\n', stderr);
  if (state_->bar)
    state_->draw(false);
  std::fflush(stderr);
}

void Progress::close() {
  if (state_->closed)
    return;
  state_->draw(true);
  state_->closed = true;
}

} // namespace heddle
