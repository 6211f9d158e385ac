#include "data/prepare.h"

#include <memory>

#include "cli/option_flags.h"
#include "cli/program.h"

namespace kindred::cli {

void add_prepare(CLI::App& app, Program& program) {
  auto flags = std::make_shared<OptionFlags>();
  CLI::App* command = add_command(
      app, "prepare", "raw files to a prepared folder: read, filter, split",
      "kindred prepare --format amazon-2014 --input reviews.json.gz --output data/instruments \\\n"
      "    --min-rating 4 --k-core 4 --split random --ratios 0.8,0.1,0.1 --seed 1");
  flags->add(*command, describe_options<data::PrepareOptions>(),
             {{"split.kind", "split"},
              {"split.ratios", "ratios"},
              {"split.seed", "seed"},
              {"split.valid_from", "valid-from"},
              {"split.test_from", "test-from"},
              {"split.months", "months"}});
  command->callback([flags, &program] {
    const auto options = options_of<data::PrepareOptions>(*flags, "kindred prepare");
    const data::PrepareReport report = data::prepare(options, program.stop);
    if (program.json) {
      print(report.info);
    } else {
      print(report.table());
    }
  });
}

}  // namespace kindred::cli
