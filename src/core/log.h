#pragma once
// Log lines to stderr. Kept behind this header because spdlog does not compile beside LibTorch's fmt.

#include <string>

namespace kindred::log {

enum class Level { debug, info, warning, error, off };

/// Lines below this level are dropped (default: info).
void set_level(Level level);

void debug(const std::string& message);
void info(const std::string& message);
void warning(const std::string& message);
void error(const std::string& message);

}  // namespace kindred::log
