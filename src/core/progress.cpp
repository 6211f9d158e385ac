#include "core/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/log.h"
#include "core/strings.h"

namespace kindred {
namespace {

constexpr double seconds_between_bars = 0.1, seconds_between_lines = 10, seconds_worth_a_line = 1;
constexpr size_t widest_bar = 30, narrowest_bar = 8;

bool stderr_is_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// 75 -> "1:15", 3700 -> "1:01:40".
std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(std::min(std::ceil(seconds), 3.6e6));
  const auto two = [](long long value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  const std::string rest = two(whole % 60);
  if (whole < 3600) return std::to_string(whole / 60) + ":" + rest;
  return std::to_string(whole / 3600) + ":" + two(whole / 60 % 60) + ":" + rest;
}

double fraction(const ProgressState& state) {
  return std::min(1.0, static_cast<double>(state.done) / static_cast<double>(state.total));
}

/// The facts in the order they are shown: count, rate, time, note.
std::vector<std::string> facts(const ProgressState& state) {
  const auto counted = [](uint64_t n) { return with_commas(static_cast<long long>(n)); };
  std::vector<std::string> parts;
  std::string count = counted(state.done);
  if (state.total > 0 && !(state.finished && state.done == state.total))
    count += "/" + counted(state.total);
  count += " " + state.unit;
  if (state.total > 0 && !state.finished)
    count += " (" + std::to_string(int(100 * fraction(state))) + "%)";
  parts.push_back(count);
  const double rate =
      state.seconds > 0 ? static_cast<double>(state.done - state.skipped) / state.seconds : 0;
  if (rate > 0)
    parts.push_back((rate < 1000 ? number(rate, 3) : counted(static_cast<uint64_t>(rate))) + " " +
                    state.unit + "/s");
  if (state.finished)
    parts.push_back("took " + clock_text(state.seconds));
  else if (rate > 0 && state.total > state.done)
    parts.push_back(clock_text(static_cast<double>(state.total - state.done) / rate) + " left");
  if (!state.note.empty()) parts.push_back(state.note);
  return parts;
}

/// Cut to `columns` bytes without cutting a character in two.
std::string cut(std::string text, size_t columns) {
  if (text.size() <= columns) return text;
  while (columns > 0 && (static_cast<unsigned char>(text[columns]) & 0xc0) == 0x80) --columns;
  text.resize(columns);
  return text;
}

}  // namespace

std::string progress_line(const ProgressState& state) {
  return state.label + ": " + join(facts(state), ", ");
}

std::string progress_bar(const ProgressState& state, size_t columns) {
  const std::string text = join(facts(state), "  ");
  const size_t others = state.label.size() + text.size() + 4;  // two spaces and two brackets
  if (state.total == 0 || state.finished || others + narrowest_bar > columns)
    return cut(state.label + " " + text, columns);
  const size_t width = std::min(widest_bar, columns - others);
  const auto filled = static_cast<size_t>(fraction(state) * static_cast<double>(width));
  std::string bar = std::string(filled, '=') + (filled < width ? ">" : "");
  bar.resize(width, ' ');
  return state.label + " [" + bar + "] " + text;
}

Progress::Progress(std::string label, uint64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      begun_(seconds_now()),
      drawn_(begun_),
      terminal_(stderr_is_terminal()),
      quiet_(log::level() > log::Level::info) {}

Progress::~Progress() {
  if (!finished_ && terminal_ && shown_) log::detail::draw_over("");
}

void Progress::tick(uint64_t amount) {
  done_ += amount;
  if (quiet_ || finished_) return;
  const double now = seconds_now();
  if (now - drawn_ >= (terminal_ ? seconds_between_bars : seconds_between_lines)) draw(now, false);
}

void Progress::skip(uint64_t amount) {
  done_ += amount;
  skipped_ += amount;
}

void Progress::note(std::string text) {
  note_ = std::move(text);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  const double now = seconds_now();
  if (!quiet_ && (shown_ || now - begun_ >= seconds_worth_a_line)) draw(now, true);
}

void Progress::draw(double now, bool last) {
  drawn_ = now;
  shown_ = true;
  const ProgressState state{label_, unit_, note_, total_, done_, skipped_, now - begun_, last};
  if (terminal_ && !last)
    log::detail::draw_over(progress_bar(state, terminal_columns() - 1));
  else
    log::info(progress_line(state));
}

}  // namespace kindred
