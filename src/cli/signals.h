#pragma once
// Signals and the wording of usage errors.

#include <CLI/CLI.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"

namespace kindred::cli {

/// SIGINT and SIGTERM ask the running work to save and stop; a second one ends the program at once.
std::stop_token stop_on_signals();

/// A parse error as one sentence, with the nearest option or command where one was mistyped.
Error usage_error(const CLI::App& app, const CLI::ParseError& error,
                  const std::vector<std::string>& arguments);

/// Help of the subcommand that was asked about, or of the program.
std::string help_of(const CLI::App& app);

}  // namespace kindred::cli
