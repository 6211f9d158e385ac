#pragma once
// Progress to stderr: a bar with rate and time left on a terminal, a plain line now and then elsewhere.

#include <cstdint>
#include <string>

namespace kindred {

/// One running task. Thread-compatible: one thread ticks. Nothing is drawn when logs are off.
class Progress {
 public:
  /// `total` 0: unknown. `unit` follows the rate: "steps" -> "12.3 steps/s".
  Progress(std::string label, uint64_t total, std::string unit = "steps");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void tick(uint64_t amount = 1);
  /// A short text after the bar, such as "loss 3.21".
  void note(std::string text);
  void finish();

 private:
  void draw(bool last);

  std::string label_, unit_, note_;
  uint64_t total_, done_ = 0;
  double begun_, drawn_ = 0;
  bool terminal_, finished_ = false;
};

}  // namespace kindred
