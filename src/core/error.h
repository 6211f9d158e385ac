#pragma once
// The one error type. A message is a sentence: where, what, got, expected, what to do.

#include <stdexcept>
#include <string>
#include <vector>

namespace kindred {

/// Exit codes of the program; a library error carries the one it stands for.
enum class Exit : int {
  ok = 0,
  usage = 2,          ///< bad command line, or the run folder is finished already
  bad_data = 65,      ///< a file's content is wrong
  missing = 66,       ///< an input does not exist
  internal = 70,      ///< a broken invariant, or training diverged
  io = 74,            ///< reading or writing failed
  busy = 75,          ///< the run folder is in use
  config = 78,        ///< bad configuration
  interrupted = 130,  ///< stopped on request; the state was saved
};

/// Thrown for everything a user can cause. `what()` is "where: sentence" (one line each for
/// several).
class Error : public std::runtime_error {
 public:
  Error(Exit code, const std::string& where, const std::string& message)
      : Error(code, std::vector<std::string>{where.empty() ? message : where + ": " + message}) {}

  /// Several problems found together (a configuration reports all of its own at once).
  Error(Exit code, std::vector<std::string> lines)
      : std::runtime_error(joined(lines)), code_(code), lines_(std::move(lines)) {}

  Exit code() const { return code_; }
  /// One sentence a problem, each printed by the program as its own `error:` line.
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  static std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
    return text;
  }

  Exit code_;
  std::vector<std::string> lines_;
};

/// Throws `internal` when an invariant of ours does not hold; never for a user's mistake.
inline void check(bool holds, const char* invariant) {
  if (!holds)
    throw Error(Exit::internal, "internal", std::string("broken invariant: ") + invariant);
}

}  // namespace kindred
