#include <memory>

#include "cli/program.h"
#include "run/export_run.h"

namespace kindred::cli {

void add_export(CLI::App& app, Program& program) {
  struct Typed {
    fs::path run, output;
    std::string what = "embeddings";
  };
  auto typed = std::make_shared<Typed>();
  CLI::App* command =
      add_command(app, "export", "vectors by token, the backbone or an adapter of a run",
                  "kindred export runs/sample/cllm4rec/… --what embeddings --output vectors");
  command->add_option("run", typed->run, "run folder")->required();
  command->add_option("--what", typed->what, "embeddings, hf or adapter")
      ->check(CLI::IsMember({"embeddings", "hf", "adapter"}));
  command->add_option("--output", typed->output, "folder to write (must not exist)")->required();
  command->callback([typed, &program] {
    const Json about = run::export_run(typed->run, typed->what, typed->output);
    print(program.json ? about.dump(2) : "wrote " + typed->output.string() + ":\n" + about.dump(2));
  });
}

}  // namespace kindred::cli
