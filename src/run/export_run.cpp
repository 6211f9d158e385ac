#include "run/export_run.h"

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "lm/adapter.h"
#include "lm/any_backbone.h"
#include "lm/folder.h"

namespace kindred::run {
namespace {

void write_tokens(const fs::path& path, const data::IdMap& ids) {
  write_file(path, [&](std::ostream& out) {
    for (const std::string& token : ids.tokens()) out << token << '\n';
  });
}

/// The recommender's ID tables, or its vectors of every known user and item.
model::NamedTensors embeddings_of(OpenedRun& run) {
  model::NamedTensors tensors = run.recommender->embeddings();
  if (!tensors.empty()) return tensors;
  if (!run.recommender->capabilities().represents)
    throw Error(Exit::config, run.folder.root.string(),
                run.method + " has no vectors of users and items to export");
  std::vector<model::Query> queries(static_cast<size_t>(run.users->size()));
  for (size_t u = 0; u < queries.size(); ++u) {
    queries[u].user = static_cast<data::Index>(u);
    queries[u].history = run.history[u];
  }
  std::vector<torch::Tensor> blocks;
  const auto most = static_cast<size_t>(run.recommender->preferred_queries());
  for (size_t begin = 0; begin < queries.size(); begin += most)
    blocks.push_back(run.recommender->user_vectors(
        std::span(queries).subspan(begin, std::min(most, queries.size() - begin))));
  model::NamedTensors vectors = {{"users", torch::cat(blocks)},
                                 {"items", run.recommender->item_vectors()}};
  const torch::Tensor biases = run.recommender->item_biases();
  if (biases.defined()) vectors.emplace_back("items.bias", biases.unsqueeze(1));
  return vectors;
}

Json export_embeddings(OpenedRun& run, const fs::path& folder) {
  const torch::NoGradGuard no_gradient;
  const model::NamedTensors tensors = embeddings_of(run);
  model::save_tensors(folder / "embeddings.safetensors", tensors);
  write_tokens(folder / "users.txt", *run.users);
  write_tokens(folder / "items.txt", *run.items);
  Json about{{"schema", schema}, {"method", run.method}, {"tensors", Json::object()}};
  for (const auto& [name, tensor] : tensors)
    about["tensors"][name] = {
        {"rows", tensor.size(0)},
        {"dimensions", tensor.size(1)},
        {"tokens", tensor.size(0) == run.items->size() && name.starts_with("items") ? "items.txt"
                                                                                    : "users.txt"}};
  write_file(folder / "embeddings.json", about.dump(2) + "\n");
  return about;
}

Json export_folder(const OpenedRun& run, const char* name, const fs::path& folder) {
  const fs::path from = run.folder.model() / name;
  if (!fs::is_directory(from))
    throw Error(Exit::config, run.folder.root.string(),
                cat(run.method, " has no ", name, " to export"));
  Json about{{"schema", schema}, {"method", run.method}, {"files", Json::array()}};
  for (const auto& entry : fs::directory_iterator(from)) {
    fs::copy_file(entry.path(), folder / entry.path().filename());
    about["files"].push_back(entry.path().filename().string());
  }
  return about;
}

// The run's backbone; with its adapter, where it has one, in the weights.
Json export_backbone(const OpenedRun& run, const fs::path& folder) {
  const fs::path adapter = run.folder.model() / "adapter";
  Json about = export_folder(run, "backbone", folder);
  if (!fs::is_directory(adapter)) return about;
  const auto model = lm::load_any_backbone(run.folder.model() / "backbone", {});
  model->use({lm::Adapter::load(*model, adapter)});
  model->merge();
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (lm::is_weights(entry.path())) fs::remove(entry.path());
  }
  lm::save_backbone(*model, folder);
  about["files"] = Json::array();
  for (const auto& entry : fs::directory_iterator(folder))
    about["files"].push_back(entry.path().filename().string());
  return about;
}

}  // namespace

Json export_run(const fs::path& root, const std::string& what, const fs::path& output) {
  if (fs::exists(output))
    throw Error(Exit::usage, output.string(), "exists already; give a folder that does not");
  OpenedRun run = open_run(root);
  AtomicFolder target(output);
  const Json about = what == "embeddings" ? export_embeddings(run, target.path())
                     : what == "hf"       ? export_backbone(run, target.path())
                                          : export_folder(run, "adapter", target.path());
  target.commit();
  return about;
}

}  // namespace kindred::run
