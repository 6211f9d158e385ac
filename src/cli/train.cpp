#include <memory>

#include "cli/program.h"
#include "core/strings.h"
#include "run/train_run.h"

namespace kindred::cli {

void add_train(CLI::App& app, Program& program) {
  auto request = std::make_shared<run::TrainRequest>();
  CLI::App* command = add_command(app, "train", "train a recipe's recommender, then evaluate it",
                                  "kindred train recipes/sample/ease.yaml --set ease.l2=100");
  command->add_option("recipe", request->recipe, "YAML file, such as recipes/sample/ease.yaml")
      ->required();
  command->add_option("--run", request->run_folder,
                      "run folder (default: runs/<dataset>/<recipe>/<UTC time>)");
  command->add_flag("--resume", request->resume, "go on with an unfinished run");
  command
      ->add_flag("--previous", request->previous,
                 "with --resume: where the newest checkpoint is damaged, go on from the one before")
      ->needs("--resume");
  command->add_option("--set", request->assignments, "set an option: a.b=value (repeatable)")
      ->take_all()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_flag("--final", request->final_run,
                    "train on all interactions, for use: nothing is held out, judged or selected "
                    "by; stages train all their epochs (--set stages.S.epochs=N)");
  command->add_flag("!--no-cache", request->use_cache,
                    "train every stage, even one finished before");
  command->callback([request, &program] {
    request->paths = program.paths;
    request->device = program.device;
    request->threads = program.threads;
    request->quiet = program.quiet;
    request->stop = program.stop;
    const run::TrainOutcome outcome = run::train(*request);
    if (program.json) {
      Json json = outcome.metrics;
      json["run"] = outcome.run_folder.string();
      json["seconds"] = outcome.seconds;
      print(json);
      return;
    }
    print(run::summary(outcome));
  });
}

}  // namespace kindred::cli
