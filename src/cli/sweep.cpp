#include <memory>

#include "cli/program.h"
#include "run/run_folder.h"
#include "run/sweep.h"

namespace kindred::cli {

void add_sweep(CLI::App& app, Program& program) {
  auto request = std::make_shared<run::SweepRequest>();
  CLI::App* command =
      add_command(app, "sweep", "train a recipe over values of options and seeds",
                  "kindred sweep recipes/sample/ease.yaml --over ease.l2=10,100,1000 --seeds 2");
  command->add_option("recipe", request->train.recipe, "YAML file")->required();
  command->add_option("--over", request->over, "key=v1,v2,… (repeat for a grid)")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--seeds", request->seeds, "seeds 1..N for every value")
      ->check(CLI::Range(1, 1000));
  command->add_flag("--split-seeds", request->split_seeds, "the split's seed moves with the seed");
  command->add_option("--run", request->train.run_folder,
                      "the sweep's folder (default: runs/sweeps/<recipe>)");
  command->add_option("--set", request->train.assignments, "set an option in every run")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->callback([request, &program] {
    request->train.paths = program.paths;
    request->train.device = program.device;
    request->train.threads = program.threads;
    request->train.quiet = program.quiet;
    request->train.stop = program.stop;
    const run::SweepOutcome outcome = run::sweep(*request);
    if (program.json) {
      print(run::read_own_json(outcome.folder / "sweep.json"));
    } else {
      print(run::sweep_table(outcome, false) + "\nTable and curve: " + outcome.folder.string() +
            "/sweep.html\n");
    }
  });
}

}  // namespace kindred::cli
