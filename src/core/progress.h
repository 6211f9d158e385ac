#pragma once
// Progress to stderr: a bar with rate and time left on a terminal, a plain line now and then
// elsewhere.

#include <cstdint>
#include <string>

namespace kindred {

/// One running task. Thread-compatible: one thread ticks. Nothing is drawn when log lines of level
/// `info` are dropped. Elsewhere than on a terminal there is a line every ten seconds at most, and
/// one at the end of a task that took at least a second.
class Progress {
 public:
  /// `total` 0: unknown. `unit` follows the rate: "steps" -> "12.3 steps/s".
  Progress(std::string label, uint64_t total, std::string unit = "steps");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void tick(uint64_t amount = 1);
  /// Counts as done without counting for the rate: the steps before a resume.
  void skip(uint64_t amount);
  /// A short text after the bar, such as "loss 3.21".
  void note(std::string text);
  void finish();

 private:
  void draw(double now, bool last);

  std::string label_, unit_, note_;
  uint64_t total_, done_ = 0, skipped_ = 0;
  double begun_, drawn_;
  bool terminal_, quiet_, shown_ = false, finished_ = false;
};

/// What a progress line says.
struct ProgressState {
  std::string label, unit, note;
  uint64_t total = 0, done = 0, skipped = 0;
  double seconds = 0;
  bool finished = false;
};

/// The plain line: "label: 450/1,000 steps (45%), 12.3 steps/s, 0:45 left, note".
std::string progress_line(const ProgressState& state);

/// The terminal line with a bar, at most `columns` wide; the bar is left away where it does not
/// fit.
std::string progress_bar(const ProgressState& state, size_t columns);

}  // namespace kindred
