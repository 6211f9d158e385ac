#include "core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string_view>

namespace kindred::log {
namespace {

constexpr std::string_view names[] = {"debug", "info", "warning", "error", "off"};

Level level_of_environment() {
  const char* text = std::getenv("KINDRED_LOG");
  for (int i = 0; text != nullptr && i < 5; ++i)
    if (names[i] == text) return static_cast<Level>(i);
  return Level::info;
}

std::atomic<Level>& current() {
  static std::atomic<Level> level = level_of_environment();
  return level;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>(
        "kindred", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%H:%M:%S %^%l%$ %v");
    made->set_level(spdlog::level::debug);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

// One lock over log lines and the bar, so that neither lands inside the other.
std::mutex screen;
bool bar_drawn = false;

void put_on_screen(const std::string& text) {
  // A closed or full stderr must not stop the work whose progress it shows.
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

void erase_bar() {
  if (bar_drawn) put_on_screen("\r\033[K");
  bar_drawn = false;
}

void write_line(Level level, spdlog::level::level_enum native, const std::string& message) {
  if (level < current()) return;
  const std::lock_guard lock(screen);
  erase_bar();
  logger().log(native, "{}", message);
}

}  // namespace

void set_level(Level level) {
  current() = level;
}
Level level() {
  return current();
}

void debug(const std::string& message) {
  write_line(Level::debug, spdlog::level::debug, message);
}
void info(const std::string& message) {
  write_line(Level::info, spdlog::level::info, message);
}
void warning(const std::string& message) {
  write_line(Level::warning, spdlog::level::warn, message);
}
void error(const std::string& message) {
  write_line(Level::error, spdlog::level::err, message);
}

void detail::draw_over(const std::string& line) {
  const std::lock_guard lock(screen);
  if (line.empty()) return erase_bar();
  put_on_screen("\r" + line + "\033[K");
  bar_drawn = true;
}

}  // namespace kindred::log
