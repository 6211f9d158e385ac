#pragma once
// The command line: one file a subcommand, each declares its options and calls one library
// function.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <stop_token>
#include <string>

#include "core/json.h"
#include "run/paths.h"

namespace kindred::cli {

namespace fs = std::filesystem;

/// What every subcommand shares.
struct Program {
  run::Paths paths;
  bool json = false;
  bool quiet = false;
  int threads = 0;  ///< 0: every core
  std::string device;
  std::stop_token stop;
};

/// Adds a subcommand with its example; `run` is called after parsing.
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& summary,
                      const std::string& example);

/// Adds --precision of a finished run's language model.
void add_precision(CLI::App& command, std::string& precision);

/// Prints JSON to stdout, one document.
void print(const Json& value);
void print(const std::string& text);

void add_prepare(CLI::App& app, Program& program);
void add_train(CLI::App& app, Program& program);
void add_evaluate(CLI::App& app, Program& program);
void add_recommend(CLI::App& app, Program& program);
void add_score(CLI::App& app, Program& program);
void add_answer(CLI::App& app, Program& program);
void add_compare(CLI::App& app, Program& program);
void add_sweep(CLI::App& app, Program& program);
void add_export(CLI::App& app, Program& program);
void add_lm(CLI::App& app, Program& program);
void add_validate(CLI::App& app, Program& program);
void add_list(CLI::App& app, Program& program);

}  // namespace kindred::cli
