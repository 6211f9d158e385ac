#pragma once
// Command-line flags made from an option struct: `min_rating` becomes `--min-rating`, its help text
// too.

#include <CLI/CLI.hpp>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/options.h"

namespace kindred::cli {

/// The flags of one option struct and what was typed for them.
class OptionFlags {
 public:
  /// `renamed`: dotted option -> flag without dashes, for options whose flag is not their name
  /// ("split.kind" -> "split"). An empty flag leaves the option out.
  void add(CLI::App& command, const std::vector<OptionRow>& rows,
           const std::map<std::string, std::string>& renamed);

  /// The typed values as a JSON object, nested as the options are.
  Json values() const;

 private:
  struct Typed {
    OptionRow row;
    CLI::Option* option;
    std::string text;
  };
  std::deque<Typed> typed_;
};

[[noreturn]] void throw_usage(std::vector<std::string> problems);

/// The struct of the typed values; problems become `usage` errors that name flags' options.
template <OptionStruct T>
T options_of(const OptionFlags& flags, const std::string& where) {
  std::vector<std::string> problems;
  T options = read_options<T>(flags.values(), where + ":", problems);
  if (!problems.empty()) throw_usage(std::move(problems));
  return options;
}

}  // namespace kindred::cli
