#include "methods/cllm4rec_parts.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/strings.h"
#include "data/histories.h"
#include "lm/adapter.h"
#include "lm/folder.h"

namespace kindred::methods {
namespace {

namespace fs = std::filesystem;

constexpr const char* tables_file = "cllm4rec.safetensors";
constexpr const char* backbone_name = "backbone";
constexpr const char* adapter_name = "adapter";

Cllm4RecTables make_tables(const std::string& kind, const Cllm4RecParts& parts,
                           const data::Dataset& data) {
  const double std =
      parts.options.init_std > 0 ? parts.options.init_std : parts.backbone->embedding_std();
  const int64_t dim = parts.backbone->hidden_size();
  const auto table = [&](const std::string& side, int64_t rows) {
    const std::string name = side + "." + kind;
    const model::Table made(name, rows, dim, std, parts.seed);
    return model::Table(name, made.weight().to(parts.device));
  };
  return {table("users", data.user_count()), table("items", data.item_count())};
}

std::shared_ptr<lm::GenerativeLM> make_backbone(const Cllm4RecOptions& options,
                                                const fs::path& folder, uint64_t seed,
                                                const std::string& precision,
                                                torch::Device device) {
  if (options.backbone_training == "scratch") {
    auto model = lm::make_generative_lm(read_json((folder / "config.json").string()), seed);
    model->to(device);
    return model;
  }
  const bool trains = options.backbone_training == "finetune-all";
  return lm::load_generative_lm(
      folder, {.precision = trains ? "fp32" : precision, .trainable = trains, .device = device});
}

void checkpoint(lm::GenerativeLM& model) {
  if (!model.can_checkpoint()) {
    throw Error(Exit::config, "backbone.checkpointing",
                cat("got true, which is for frozen decoders on a processor, and this is a ",
                    model.kind(), " that is not one; leave it out"));
  }
  model.set_checkpointing(true);
}

// The adapter becomes part of the weights: they stay frozen, and the products need nothing more.
void put_on(const fs::path& adapter, lm::GenerativeLM& model) {
  if (adapter.empty()) return;
  model.use({lm::Adapter::load(model, adapter)});
  model.merge();
}

prompt::Encode load_encoder(const fs::path& folder) {
  return prompt::encoder(text::Tokenizer::load(folder));
}

std::vector<uint8_t> bytes(const torch::Tensor& tensor) {
  const torch::Tensor plain = tensor.to(torch::kUInt8).contiguous();
  return {plain.data_ptr<uint8_t>(), plain.data_ptr<uint8_t>() + plain.numel()};
}

// Whom nothing was learned of. Earlier versions kept the training histories that say so.
std::vector<uint8_t> cold_users(const model::NamedTensors& tensors, int64_t users,
                                const std::string& where) {
  const bool saved_before = std::ranges::any_of(
      tensors, [](const auto& tensor) { return tensor.first == "histories.train.offsets"; });
  const int64_t one_each[] = {users}, one_more[] = {users + 1};
  if (!saved_before) return bytes(model::find_tensor(tensors, "users.cold", one_each, where));
  return bytes(
      model::find_tensor(tensors, "histories.train.offsets", one_more, where).diff().eq(0));
}

}  // namespace

std::array<prompt::SlotVectors, slot_kinds> Cllm4RecTables::vectors() {
  return {[this](const torch::Tensor& rows) { return user.lookup(rows); },
          [this](const torch::Tensor& rows) { return item.lookup(rows); }};
}

int64_t Cllm4RecParts::history_room(const prompt::Template& form) const {
  const int64_t room = form.room(backbone->context());
  return options.max_history > 0 ? std::min(room, options.max_history) : room;
}

torch::Tensor Cllm4RecParts::item_vectors() const {
  const torch::Tensor& warm = collaborative->item.weight();
  if (!content) return warm;
  std::vector<int64_t> replaced;
  for (size_t item = 0; item < item_cold.size(); ++item) {
    if (item_cold[item] && item_documented[item]) replaced.push_back(static_cast<int64_t>(item));
  }
  if (replaced.empty()) return warm;
  const torch::Tensor rows = torch::tensor(replaced, torch::kInt64).to(warm.device());
  return warm.index_copy(0, rows, content->item.weight().index_select(0, rows));
}

torch::Tensor Cllm4RecParts::item_vectors(const torch::Tensor& ids) {
  const torch::Tensor warm = collaborative->item.lookup(ids);
  if (!content) return warm;
  torch::Tensor by_text = torch::zeros({ids.size(0), 1}, torch::kBool);
  for (int64_t i = 0; i < ids.size(0); ++i) {
    const auto item = static_cast<size_t>(ids[i].item<int64_t>());
    if (item_cold[item] && item_documented[item]) by_text[i][0] = true;
  }
  if (!by_text.any().item<bool>()) return warm;
  return torch::where(by_text.to(warm.device()), content->item.lookup(ids), warm);
}

std::shared_ptr<Cllm4RecParts> make_parts(const Cllm4RecOptions& options,
                                          const model::MethodContext& context) {
  const data::Dataset& data = *context.data;
  auto parts = std::make_shared<Cllm4RecParts>();
  parts->options = options;
  parts->seed = context.seed;
  parts->device = context.device;
  parts->backbone_folder = context.backbone.path;
  parts->backbone = make_backbone(options, parts->backbone_folder, context.seed,
                                  context.backbone.precision, context.device);
  if (context.backbone.checkpointing) checkpoint(*parts->backbone);
  parts->adapter_folder = context.backbone.adapter;
  put_on(parts->adapter_folder, *parts->backbone);
  parts->forms = std::make_unique<Cllm4RecForms>(
      worded(options),
      chosen_columns(options.item_texts, data.item_text_columns(), "cllm4rec.item_texts"),
      load_encoder(parts->backbone_folder));
  parts->collaborative = make_tables("collaborative", *parts, data);
  if (options.content) parts->content = make_tables("content", *parts, data);
  parts->train = data::histories(data, std::array{data::Part::train}).items;
  parts->item_documented.assign(static_cast<size_t>(data.item_count()), 0);
  parts->user_cold.assign(static_cast<size_t>(data.user_count()), 1);
  for (int64_t user = 0; user < parts->train.rows(); ++user) {
    parts->user_cold[static_cast<size_t>(user)] = parts->train.row(user).empty();
  }
  parts->item_cold.assign(static_cast<size_t>(data.item_count()), 1);
  for (const data::Index item : parts->train.columns) {
    parts->item_cold[static_cast<size_t>(item)] = 0;
  }
  return parts;
}

Json save_parts(const Cllm4RecParts& parts, const fs::path& folder) {
  model::NamedTensors tensors;
  const auto add_tables = [&](const Cllm4RecTables& tables) {
    tensors.emplace_back(tables.user.name(), tables.user.weight());
    tensors.emplace_back(tables.item.name(), tables.item.weight());
  };
  add_tables(*parts.collaborative);
  if (parts.content) add_tables(*parts.content);
  tensors.emplace_back("users.cold", torch::tensor(parts.user_cold, torch::kUInt8));
  tensors.emplace_back("items.cold", torch::tensor(parts.item_cold, torch::kUInt8));
  tensors.emplace_back("items.documented", torch::tensor(parts.item_documented, torch::kUInt8));
  model::save_tensors(folder / tables_file, tensors);

  const fs::path backbone = folder / backbone_name;
  lm::copy_model(parts.backbone_folder, backbone, !parts.trains_backbone());
  if (parts.trains_backbone()) {
    lm::save_backbone(*parts.backbone, backbone);
  } else if (!parts.adapter_folder.empty()) {
    lm::copy_model(parts.adapter_folder, folder / adapter_name, true);
  }
  return {{"schema", 1},
          {"options", write_options(parts.options)},
          {"tables", tables_file},
          {"backbone", backbone_name},
          {"backbone_config", fingerprint(read_file(backbone / "config.json"))}};
}

std::shared_ptr<Cllm4RecParts> load_parts(const model::SavedModel& saved) {
  const std::string where = (saved.folder / tables_file).string();
  const model::NamedTensors tensors = model::load_tensors(where);
  auto parts = std::make_shared<Cllm4RecParts>();
  Json options = saved.json.at("options");
  options.erase("eval_history");  // of earlier versions; evaluation.history now
  parts->options = read_options<Cllm4RecOptions>(options, "kindred.json: options");
  parts->device = saved.device;
  parts->backbone_folder = saved.folder / backbone_name;
  parts->backbone = lm::load_generative_lm(
      parts->backbone_folder,
      {.precision = saved.precision, .trainable = false, .device = saved.device});
  if (fs::is_directory(saved.folder / adapter_name)) {
    parts->adapter_folder = saved.folder / adapter_name;
    put_on(parts->adapter_folder, *parts->backbone);
  }
  parts->backbone->eval();
  parts->forms =
      std::make_unique<Cllm4RecForms>(worded(parts->options), std::vector<std::string>{"text"},
                                      load_encoder(parts->backbone_folder));
  const int64_t users = saved.users->size(), items = saved.items->size();
  const auto table = [&](const std::string& name, int64_t rows) {
    const int64_t shape[] = {rows, parts->backbone->hidden_size()};
    return model::Table(
        name, model::find_tensor(tensors, name, shape, where).to(saved.device, torch::kFloat32));
  };
  const auto tables = [&](const std::string& kind) {
    return Cllm4RecTables{table("users." + kind, users), table("items." + kind, items)};
  };
  parts->collaborative = tables("collaborative");
  if (parts->options.content) parts->content = tables("content");
  parts->user_cold = cold_users(tensors, users, where);
  const int64_t item_shape[] = {items};
  parts->item_cold = bytes(model::find_tensor(tensors, "items.cold", item_shape, where));
  parts->item_documented =
      bytes(model::find_tensor(tensors, "items.documented", item_shape, where));
  return parts;
}

}  // namespace kindred::methods
