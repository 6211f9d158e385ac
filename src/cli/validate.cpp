#include <memory>

#include "cli/program.h"
#include "core/error.h"
#include "run/validate.h"

namespace kindred::cli {

void add_validate(CLI::App& app, Program& program) {
  auto paths = std::make_shared<std::vector<fs::path>>();
  CLI::App* command =
      add_command(app, "validate", "what a file or folder is, or what is wrong with it",
                  "kindred validate data/sample recipes/sample/ease.yaml models/tiny");
  command
      ->add_option("paths", *paths, "data, recipes, Hugging Face folders, run folders, checkpoints")
      ->required();
  command->callback([paths, &program] {
    Json all = Json::array();
    std::vector<std::string> problems;
    for (const fs::path& path : *paths) {
      const run::Validation found = run::validate(path);
      problems.insert(problems.end(), found.problems.begin(), found.problems.end());
      all.push_back({{"path", path.string()}, {"what", found.what}, {"problems", found.problems}});
      if (!program.json)
        print(path.string() + ": " + found.what +
              (found.problems.empty() ? "" : ", with problems"));
    }
    if (program.json) print(all.size() == 1 ? all[0] : all);
    if (!problems.empty()) throw Error(Exit::bad_data, problems);
  });
}

}  // namespace kindred::cli
