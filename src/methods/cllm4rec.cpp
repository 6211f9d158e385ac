#include "methods/cllm4rec.h"

#include <array>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "methods/cllm4rec_objectives.h"
#include "methods/cllm4rec_parts.h"
#include "methods/cllm4rec_recommender.h"

namespace kindred::methods {
namespace {

using model::Alternation;
using model::Stage;
using model::TrainOptions;

constexpr const char* selection = "truncated-recall@20+truncated-recall@40+ndcg@100";

TrainOptions defaults(int64_t epochs, double learning_rate, bool selected) {
  TrainOptions train;
  train.epochs = epochs;
  train.batch_size = 20;
  train.learning_rate = learning_rate;
  train.evaluate_every = selected ? 1 : 0;
  if (selected) train.select = selection;
  return train;
}

/// What a recipe says of it.
struct Cllm4RecSettings {
  explicit Cllm4RecSettings(const model::MethodContext& context)
      : options(model::method_options<Cllm4RecOptions>(context, "cllm4rec")),
        finetunes(options.predict == "one-pass") {
    std::vector<std::string> names;
    if (reads_texts()) names.emplace_back("warmup");
    names.emplace_back("pretrain");
    if (finetunes) names.emplace_back("finetune");
    model::check_stage_names(context, names);
    warmup = model::stage_options(context, "warmup", defaults(10, 1e-3, false));
    pretrain = model::stage_options(context, "pretrain", defaults(100, 1e-3, !finetunes));
    finetune = model::stage_options(context, "finetune", defaults(150, 1e-4, true));
  }
  bool reads_texts() const { return options.content && options.content_training == "learned"; }

  Cllm4RecOptions options;
  bool finetunes;
  TrainOptions warmup, pretrain, finetune;
};

/// Options that no stage before finetuning reads, and those that the warm-up does not read either.
/// A stage that selects by validation reads what serving does.
constexpr std::array finetuning_options = {"target", "mask_share", "finetune_content"};
constexpr std::array serving_options = {"predict", "unknown_user"};
constexpr std::array pretraining_options = {
    "lambda_c",         "mr",          "alternate",     "reorder",
    "reorder_pretrain", "max_history", "sampled_items", "sampler_power"};

class Cllm4Rec : public model::Method {
 public:
  Cllm4Rec(Cllm4RecSettings settings, const model::MethodContext& context)
      : context_(context),
        options_(settings.options),
        reads_texts_(settings.reads_texts()),
        finetunes_(settings.finetunes),
        warmup_(settings.warmup),
        pretrain_(settings.pretrain),
        finetune_(settings.finetune) {}

  std::shared_ptr<model::Recommender> recommender() override {
    build();
    return recommender_;
  }

  std::vector<Stage> stages() override {
    build();
    std::vector<Stage> stages;
    if (reads_texts_) {
      const auto warmup = content(warmup_, "warmup", false);
      report_cut_texts(warmup->cut_texts());
      stages.push_back(stage("warmup", warmup_, {warmup}));
      stages.back().options = model::without(read_before(warmup_), pretraining_options);
      trains(stages.back(), *parts_->content);
    }
    stages.push_back(pretraining());
    if (finetunes_) stages.push_back(finetuning());
    return stages;
  }

 private:
  // The backbone is loaded when it is first needed, so that a wrong recipe fails before that.
  void build() {
    if (parts_) return;
    if (context_.backbone.path.empty()) {
      throw Error(Exit::config, "backbone.path",
                  "got nothing, expected a Hugging Face folder of a decoder or T5");
    }
    parts_ = make_parts(options_, context_);
    if (reads_texts_) {
      corpus_ = std::make_shared<ContentCorpus>(context_.data, options_, *parts_->forms);
      if (corpus_->size() == 0) {
        throw Error(Exit::config, "cllm4rec.content",
                    "got true, expected reviews, item texts or user texts in the dataset; set it "
                    "to false to train without texts (LLM-CF)");
      }
      parts_->item_documented = corpus_->item_documented();
    }
    recommender_ = std::make_shared<Cllm4RecRecommender>(parts_);
  }

  Stage stage(const std::string& name, const TrainOptions& train,
              std::vector<std::shared_ptr<model::Objective>> objectives) {
    Stage made;
    made.name = name;
    made.objectives = std::move(objectives);
    made.alternation = options_.alternate == "step" ? Alternation::step : Alternation::epoch;
    made.train = train;
    if (options_.dropout)
      made.training.push_back(parts_->backbone.get());
    else
      made.modules.push_back(parts_->backbone.get());
    if (parts_->trains_backbone()) {
      model::ParameterGroup group;
      for (const auto& parameter : parts_->backbone->named_parameters()) {
        group.parameters.emplace_back(parameter.key(), parameter.value());
      }
      made.parameters.push_back(std::move(group));
    }
    made.refresh = [recommender = recommender_] { recommender->refresh(); };
    return made;
  }

  /// The options read by a stage before finetuning.
  Json read_before(const TrainOptions& train) const {
    Json options = model::without(write_options(options_), finetuning_options);
    if (!train.select.empty()) return options;
    options["prompts"].erase("recommend");
    return model::without(std::move(options), serving_options);
  }

  void trains(Stage& stage, Cllm4RecTables& tables) const {
    stage.tables.push_back(&tables.user);
    stage.tables.push_back(&tables.item);
    if (options_.adam_users == "dense") stage.dense_tables.push_back(&tables.user);
  }

  std::shared_ptr<ContentObjective> content(const TrainOptions& train, const char* name,
                                            bool regularised) {
    return std::make_shared<ContentObjective>(
        parts_, corpus_, Cllm4RecObjective::Options{name, train.batch_size, regularised});
  }

  Stage pretraining() {
    const auto collaborative =
        std::make_shared<CollaborativeObjective>(parts_, pretrain_.batch_size);
    report_cut("pretraining", collaborative->cut_histories());
    std::vector<std::shared_ptr<model::Objective>> objectives{collaborative};
    if (reads_texts_) objectives.push_back(content(pretrain_, "content", true));
    Stage made = stage("pretrain", pretrain_, std::move(objectives));
    made.options = read_before(pretrain_);
    trains(made, *parts_->collaborative);
    if (reads_texts_) trains(made, *parts_->content);
    return made;
  }

  Stage finetuning() {
    const auto recommendation =
        std::make_shared<RecommendationObjective>(parts_, finetune_.batch_size);
    report_cut("finetuning", recommendation->cut_histories());
    const bool alternate = reads_texts_ && options_.finetune_content == "alternate";
    std::vector<std::shared_ptr<model::Objective>> objectives{recommendation};
    if (alternate) objectives.push_back(content(finetune_, "content", true));
    Stage made = stage("finetune", finetune_, std::move(objectives));
    trains(made, *parts_->collaborative);
    if (alternate) trains(made, *parts_->content);
    return made;
  }

  void report_cut_texts(const ContentObjective::CutTexts& texts) const {
    if (texts.cut == 0) return;
    log::warning(cat("cllm4rec: ", texts.cut, " of ", texts.seen, " texts",
                     texts.seen < corpus_->size() ? " looked at" : "",
                     " are longer than is read (cllm4rec.max_text_tokens: ",
                     options_.max_text_tokens, "); their first words are kept"));
  }

  void report_cut(const char* stage, int64_t users) const {
    if (users == 0) return;
    log::warning(cat("cllm4rec: the histories of ", users, " of ", parts_->train.rows(),
                     " users are longer than ", stage, " reads; their most recent items are kept"));
  }

  model::MethodContext context_;
  Cllm4RecOptions options_;
  bool reads_texts_, finetunes_;
  TrainOptions warmup_, pretrain_, finetune_;
  std::shared_ptr<Cllm4RecParts> parts_;
  std::shared_ptr<ContentCorpus> corpus_;
  std::shared_ptr<Cllm4RecRecommender> recommender_;
};

}  // namespace

model::Settings cllm4rec_settings(const model::MethodContext& context) {
  const Cllm4RecSettings read(context);
  Json stages = Json::object();
  if (read.reads_texts()) stages["warmup"] = write_options(read.warmup);
  stages["pretrain"] = write_options(read.pretrain);
  if (read.finetunes) stages["finetune"] = write_options(read.finetune);
  return {write_options(read.options), std::move(stages)};
}

std::unique_ptr<model::Method> make_cllm4rec(const model::MethodContext& context) {
  return std::make_unique<Cllm4Rec>(Cllm4RecSettings(context), context);
}

std::shared_ptr<model::Recommender> load_cllm4rec(const model::SavedModel& saved) {
  return std::make_shared<Cllm4RecRecommender>(load_parts(saved));
}

model::CatalogEntry cllm4rec_entry() {
  return {.name = "cllm4rec",
          .summary =
              "user and item tokens learned inside a frozen language model by mutually regularised "
              "collaborative and content language modelling (CLLM4Rec, 2023)",
          .settings = cllm4rec_settings,
          .create = make_cllm4rec,
          .load = load_cllm4rec,
          .options = [] { return describe_options<Cllm4RecOptions>(); },
          .backbone = true};
}

}  // namespace kindred::methods
