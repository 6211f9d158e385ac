#include "methods/md_cvae.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/strings.h"
#include "data/histories.h"
#include "methods/md_cvae_content.h"

namespace kindred::methods {
namespace {

using cf::UserBatch;
using cf::UserVae;
using cf::UserVaeRecommender;
using model::TrainOptions;

TrainOptions pretraining(int64_t epochs) {
  TrainOptions train;
  train.epochs = epochs;
  train.batch_size = 500;
  train.learning_rate = 0.01;
  train.evaluate_every = 0;
  return train;
}

TrainOptions joint_training() {
  TrainOptions train;
  train.epochs = 100;
  train.batch_size = 256;
  train.learning_rate = 1e-3;
  train.schedule = "cosine";
  train.final_learning_rate = 1e-4;
  train.select = "truncated-recall@20+truncated-recall@40+ndcg@100";
  return train;
}

/// The posterior means of all items' content [N, K], zero where an item has no words.
torch::Tensor content_means(const ContentVae& vae, const ContentBatches& batches,
                            const torch::Tensor& like) {
  torch::NoGradGuard no_grad;
  torch::Tensor means = torch::zeros_like(like);
  const auto& items = batches.described();
  constexpr size_t block = 1024;
  for (size_t begin = 0; begin < items.size(); begin += block) {
    const size_t end = std::min(items.size(), begin + block);
    const auto batch = batches.of(
        {items.begin() + static_cast<int64_t>(begin), items.begin() + static_cast<int64_t>(end)});
    batch->to(like.device());
    means.index_copy_(0, batch->items, vae.means(*batch));
  }
  return means;
}

/// Options that only the joint stage reads. (`latent_size` and `hidden_sizes` give the width of the
/// items' embeddings, which is the content's too.)
constexpr std::array joint_options = {"lambda_v", "kl_weight", "anneal_epochs", "dropout",
                                      "normalize"};

/// What a recipe says of it.
struct MdCvaeSettings {
  explicit MdCvaeSettings(const model::MethodContext& context);
  MdCvaeOptions options;
  std::vector<std::pair<std::string, TrainOptions>> train;  ///< by stage, in their order
};

MdCvaeSettings::MdCvaeSettings(const model::MethodContext& context)
    : options(model::method_options<MdCvaeOptions>(context, "md-cvae")) {
  if (options.content_hidden_sizes.empty()) options.content_hidden_sizes = {100};
  std::vector<std::string> names;
  for (size_t k = 0; k < options.content_hidden_sizes.size(); ++k)
    train.emplace_back(cat("content-layer-", k + 1), pretraining(50));
  train.emplace_back("content-core", pretraining(50));
  train.emplace_back("content", pretraining(100));
  train.emplace_back("joint", joint_training());
  for (auto& [name, stage] : train) {
    stage = model::stage_options(context, name, stage);
    names.push_back(name);
  }
  model::check_stage_names(context, names);
}

/// The method: five stages, of which the last trains both autoencoders in turn.
class MdCvae final : public model::Method {
 public:
  MdCvae(MdCvaeSettings settings, const model::MethodContext& context);

  std::shared_ptr<model::Recommender> recommender() override { return recommender_; }
  std::vector<model::Stage> stages() override;

 private:
  /// The matrix whose rows are the items' embeddings [N, H].
  const torch::Tensor& embeddings() const {
    return options_.item_embeddings == "decoder" ? users_->last() : users_->first();
  }
  std::shared_ptr<ContentBatches> content_batches(const std::string& stage, double mask) const;
  model::Stage content_stage(const std::string& name, ContentPart part, size_t layer) const;
  std::shared_ptr<model::Objective> user_objective() const;
  std::shared_ptr<model::Objective> content_objective() const;
  void serve() const;

  MdCvaeOptions options_;
  uint64_t seed_;
  torch::Device device_;
  std::vector<std::pair<std::string, TrainOptions>> train_;
  std::shared_ptr<const text::BagOfWords> words_;
  std::shared_ptr<const data::Csr> histories_;
  std::shared_ptr<UserVae> users_;
  std::shared_ptr<ContentVae> content_;
  std::shared_ptr<UserVaeRecommender> recommender_;
};

MdCvae::MdCvae(MdCvaeSettings settings, const model::MethodContext& context)
    : options_(std::move(settings.options)),
      seed_(context.seed),
      device_(context.device),
      train_(std::move(settings.train)) {
  words_ = std::make_shared<text::BagOfWords>(item_words(options_, *context.data));
  histories_ = std::make_shared<data::Csr>(
      data::distinct_positives(*context.data, std::array{data::Part::train}));
  users_ = std::make_shared<UserVae>(
      cf::UserVaeShape{context.data->item_count(), options_.hidden_sizes, options_.latent_size,
                       /*log_deviation=*/true, options_.item_embeddings == "tied"},
      cf::UserVaeStart{seed_, "md-cvae.users", /*bias_deviation=*/0.0, device_});
  ContentOptions content;
  content.hidden = options_.content_hidden_sizes;
  content.latent = embeddings().size(1);
  content.seed = seed_;
  content.stream = "md-cvae.content";
  content.device = device_;
  content_ = std::make_shared<ContentVae>(static_cast<int64_t>(words_->words.size()), content);
  recommender_ =
      std::make_shared<UserVaeRecommender>("md-cvae", users_, *histories_, options_.normalize);
}

std::shared_ptr<ContentBatches> MdCvae::content_batches(const std::string& stage,
                                                        double mask) const {
  ContentOptions options;
  for (const auto& [name, train] : train_)
    if (name == stage) options.batch_size = train.batch_size;
  options.latent = embeddings().size(1);
  options.mask = mask;
  options.seed = seed_;
  options.stream = "md-cvae." + stage;
  return std::make_shared<ContentBatches>(words_, options);
}

model::Stage MdCvae::content_stage(const std::string& name, ContentPart part, size_t layer) const {
  const bool masked = part == ContentPart::layer && layer == 0;
  model::Stage stage;
  stage.name = name;
  stage.options = model::without(write_options(options_), joint_options);
  stage.objectives = {std::make_shared<ContentVaeObjective>(
      content_, content_batches(name, masked ? options_.mask : 0.0), part, layer)};
  stage.parameters = {
      {part == ContentPart::whole ? content_->parameters() : content_->trained_by(layer), 1.0, {}}};
  return stage;
}

std::vector<model::Stage> MdCvae::stages() {
  std::vector<model::Stage> stages;
  const size_t layers = content_->layers();
  for (size_t k = 0; k < train_.size(); ++k) {
    const std::string& name = train_[k].first;
    if (k < layers) stages.push_back(content_stage(name, ContentPart::layer, k));
    if (k == layers) stages.push_back(content_stage(name, ContentPart::core, layers));
    if (k == layers + 1) stages.push_back(content_stage(name, ContentPart::whole, 0));
    if (k == layers + 2) {
      model::Stage joint;
      joint.name = name;
      joint.objectives = {user_objective(), content_objective()};
      joint.alternation = model::Alternation::epoch;
      joint.parameters = {{users_->parameters(), 1.0, {}}, {content_->parameters(), 1.0, {}}};
      joint.refresh = [this] { serve(); };
      stages.push_back(std::move(joint));
    }
    stages.back().train = train_[k].second;
  }
  return stages;
}

std::shared_ptr<model::Objective> MdCvae::user_objective() const {
  cf::UserBatchOptions batches;
  batches.batch_size = train_.back().second.batch_size;
  batches.dropout = options_.dropout;
  batches.normalize = options_.normalize;
  batches.latent = options_.latent_size;
  batches.seed = seed_;
  batches.stream = "md-cvae.users";
  batches.kl_weight = [options = options_](int64_t epoch, int64_t) {
    const auto epochs = static_cast<double>(options.anneal_epochs);
    return options.kl_weight * (epochs > 0 ? std::min(1.0, double(epoch) / epochs) : 1.0);
  };
  // The content stands still while the users' epoch lasts, so its means are made once an epoch;
  // a resumed run makes the same ones.
  struct Target {
    int64_t epoch = -1;
    torch::Tensor items, means;
  };
  auto target = std::make_shared<Target>();
  auto described = content_batches("joint", 0.0);
  auto penalty = [users = users_, content = content_, embeddings = embeddings(), described, target,
                  options = options_](const UserBatch& batch) {
    if (target->epoch != batch.epoch) {
      const torch::Tensor all = content_means(*content, *described, embeddings);
      target->items = torch::tensor(described->described(), torch::kInt64).to(all.device());
      target->means = all.index_select(0, target->items);
      target->epoch = batch.epoch;
    }
    const torch::Tensor distance = embeddings.index_select(0, target->items) - target->means;
    return options.lambda_w * users->squared_weights() +
           options.lambda_v * distance.square().sum(1).mean();
  };
  return std::make_shared<cf::UserVaeObjective>("users", users_, histories_, batches, penalty);
}

std::shared_ptr<model::Objective> MdCvae::content_objective() const {
  auto penalty = [content = content_, embeddings = embeddings(), options = options_](
                     const ContentBatch& batch, const torch::Tensor& means) {
    const torch::Tensor distance = means - embeddings.detach().index_select(0, batch.items);
    return options.lambda_w * content->squared_weights() +
           options.lambda_v * distance.square().sum(1).mean();
  };
  return std::make_shared<ContentVaeObjective>(content_, content_batches("joint", 0.0),
                                               ContentPart::whole, 0, penalty);
}

/// Items nobody took are recommended by their content, where the embeddings are the decoder's.
void MdCvae::serve() const {
  torch::Tensor cold = torch::zeros({recommender_->item_count()}, torch::kBool);
  const auto described = content_batches("joint", 0.0);
  for (const int64_t item : described->described())
    cold[item] = recommender_->is_cold(static_cast<data::Index>(item));
  if (options_.item_embeddings == "encoder" || !cold.any().item<bool>()) {
    recommender_->serve(users_);
    return;
  }
  const torch::Tensor means = content_means(*content_, *described, embeddings());
  recommender_->serve(users_->with_items(cold.to(means.device()), means));
}

model::Settings settings(const model::MethodContext& context) {
  const MdCvaeSettings read(context);
  model::Settings settings{write_options(read.options), Json::object()};
  for (const auto& [name, train] : read.train) settings.stages[name] = write_options(train);
  return settings;
}

std::unique_ptr<model::Method> create(const model::MethodContext& context) {
  return std::make_unique<MdCvae>(MdCvaeSettings(context), context);
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  return std::make_shared<UserVaeRecommender>(saved);
}

void add_reviews(const data::Dataset& dataset, text::BagOfWordsBuilder& builder) {
  const data::TextColumn* reviews = dataset.train_reviews();
  const auto& items = dataset.part(data::Part::train).item;
  for (size_t row = 0; row < items.size(); ++row)
    if (reviews->has(static_cast<int64_t>(row)))
      builder.add(items[row], reviews->get(static_cast<int64_t>(row)));
}

void add_item_texts(const data::Dataset& dataset, text::BagOfWordsBuilder& builder) {
  for (const std::string& column : dataset.item_text_columns()) {
    const data::TextColumn* texts = dataset.item_text(column);
    for (int64_t item = 0; item < texts->rows(); ++item)
      if (texts->has(item)) builder.add(item, texts->get(item));
  }
}

}  // namespace

text::BagOfWords item_words(const MdCvaeOptions& options, const data::Dataset& dataset) {
  const bool reviews = dataset.train_reviews() != nullptr;
  const bool texts = !dataset.item_text_columns().empty();
  const std::string asked =
      options.content != "auto" ? options.content : (reviews ? "reviews" : "item-texts");
  if ((asked != "item-texts" && !reviews) || (asked != "reviews" && !texts))
    throw Error(Exit::config, "md-cvae.content",
                cat("got '", options.content, "', but the data has ",
                    reviews ? "reviews only"
                    : texts ? "item texts only"
                            : "no texts at all",
                    "; MD-CVAE reads what is written about items"));
  text::BagOfWordsBuilder builder(dataset.item_count());
  if (asked != "item-texts") add_reviews(dataset, builder);
  if (asked != "reviews") add_item_texts(dataset, builder);
  text::BagOfWords bags = builder.build(options.words);
  if (bags.words.empty())
    throw Error(Exit::config, "md-cvae.words",
                "no word is left of the items' texts; lower min_documents or raise "
                "max_document_share");
  return bags;
}

model::CatalogEntry md_cvae_entry() {
  return {
      "md-cvae", "user and item-content autoencoders in mutual regularisation (Zhu and Chen 2022)",
      settings,  create,
      load,      [] { return describe_options<MdCvaeOptions>(); }};
}

}  // namespace kindred::methods
