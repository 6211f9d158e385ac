#include <torch/torch.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <thread>

#include "cli/program.h"
#include "cli/signals.h"
#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "kindred/kindred.h"
#include "model/threads.h"
#include "train/scopes.h"

namespace kindred::cli {
namespace {

int report(const Error& error) {
  for (const std::string& line : error.lines()) std::cerr << "error: " << line << '\n';
  return static_cast<int>(error.code());
}

void declare_shared(CLI::App& app, Program& program) {
  app.description("Recommenders that join collaborative filtering with language models.");
  app.set_version_flag("--version", "kindred " KINDRED_VERSION);
  app.add_option("--data-dir", program.paths.data_dir,
                 "where data paths start ($KINDRED_DATA, data/)");
  app.add_option("--model-dir", program.paths.model_dir,
                 "where Hugging Face folders are ($KINDRED_MODELS, models/)");
  app.add_option("--cache-dir", program.paths.cache_dir,
                 "prepared data and finished stages ($KINDRED_CACHE, .kindred/)");
  app.add_option("--threads", program.threads, "threads to compute with (0: every core)")
      ->check(CLI::Range(0, 1024));
  app.add_option("--device", program.device,
                 "cpu, cuda or cuda:i (default: the recipe's, else cpu)");
  app.add_flag("--json", program.json, "print JSON");
  app.add_flag("-q,--quiet", program.quiet, "print warnings and errors only");
  app.require_subcommand(1);
  app.fallthrough();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("", "kindred");
  Program program;
  std::optional<train::FlushDenormals> denormals;
  program.stop = stop_on_signals();
  declare_shared(app, program);
  for (const auto add : {add_prepare, add_train, add_evaluate, add_recommend, add_score, add_answer,
                         add_compare, add_sweep, add_export, add_lm, add_validate, add_list})
    add(app, program);
  app.parse_complete_callback([&] {
    if (program.quiet) log::set_level(log::Level::warning);
    const int all = std::max(1u, std::thread::hardware_concurrency());
    model::use_threads(program.threads > 0 ? program.threads : all);
    denormals.emplace();
  });
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::CallForHelp&) {
    std::cout << help_of(app);
    return 0;
  } catch (const CLI::CallForVersion&) {
    std::cout << "kindred " << KINDRED_VERSION << '\n';
    return 0;
  } catch (const CLI::ParseError& error) {
    return report(usage_error(app, error, {argv + 1, argv + argc}));
  } catch (const Error& error) {
    return report(error);
  } catch (const std::bad_alloc&) {
    return report(Error(Exit::internal, "memory", "there is not enough; try a smaller batch_size"));
  } catch (const std::exception& error) {
    // LibTorch's messages run over many lines of stack; the first says what happened.
    const std::string text = error.what();
    return report(Error(Exit::internal, "internal", text.substr(0, text.find('\n'))));
  }
}

}  // namespace kindred::cli

int main(int argc, char** argv) {
  return kindred::cli::main(argc, argv);
}
