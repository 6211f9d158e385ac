#pragma once
// Log lines to stderr. Kept behind this header because spdlog does not compile beside LibTorch's
// fmt.

#include <string>

namespace kindred::log {

enum class Level { debug, info, warning, error, off };

/// Lines below this level are dropped (default: the environment's KINDRED_LOG, such as `debug`,
/// else info).
void set_level(Level level);
Level level();

void debug(const std::string& message);
void info(const std::string& message);
void warning(const std::string& message);
void error(const std::string& message);

namespace detail {
/// Draws an unfinished line (a progress bar) over the last one; the next log line erases it first.
/// An empty text erases it now.
void draw_over(const std::string& line);
}  // namespace detail

}  // namespace kindred::log
