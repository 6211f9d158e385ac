#include "run/pretrain.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/random.h"
#include "core/strings.h"
#include "lm/folder.h"
#include "lm/generate.h"
#include "lm/generative_lm.h"
#include "run/pretrain_card.h"
#include "run/pretrain_objective.h"
#include "run/pretrain_text.h"
#include "text/tokenizer.h"
#include "train/fit.h"

namespace kindred::lm {
namespace {

constexpr int64_t kSentinels = 100;

std::string sentinel(int64_t number) {
  return cat("<extra_id_", number, ">");
}

// T5's tokenizer holds the sentinels that stand for spans, under the names its folders give them.
text::BpeTrainerOptions tokenizer_options(const PretrainOptions& options) {
  text::BpeTrainerOptions made = options.tokenizer;
  if (options.model.model_type == "t5") {
    auto& tokens = made.special_tokens;
    for (int64_t s = 0; s < kSentinels; ++s) {
      if (std::ranges::find(tokens, sentinel(s)) == tokens.end()) tokens.push_back(sentinel(s));
    }
  }
  return made;
}

// What a preparation is reused by: text, tokenizer and split.
std::string text_fingerprint(const PretrainOptions& options,
                             const std::vector<std::filesystem::path>& files) {
  Json key = {{"schema", 1},
              {"documents", options.text.documents},
              {"held_out", options.text.held_out},
              {"seed", options.seed},
              {"tokenizer_from", options.tokenizer_from},
              {"tokenizer", write_options(tokenizer_options(options))}};
  for (const auto& file : files) key["files"].push_back(file_fingerprint(file));
  return fingerprint(key.dump());
}

void train_tokenizer(const PretrainOptions& options, const PretrainContext& context,
                     const std::vector<std::filesystem::path>& files, const fs::path& folder) {
  text::BpeTrainer trainer(tokenizer_options(options));
  for_each_document(files, options.text.documents, [&](std::string_view document) {
    if (context.stop.stop_requested()) throw Error(Exit::interrupted, "lm pretrain", "stopped");
    trainer.add(document);
  });
  trainer.train(context.stop).save(folder);
}

int64_t end_token(const text::Tokenizer& tokenizer) {
  if (const auto eos = tokenizer.eos()) return *eos;
  throw Error(Exit::config, "tokenizer.eos_token",
              "got a tokenizer without an end token, expected one: it separates documents");
}

// The tokenizer and the token files, made once for the same text and options.
fs::path prepare_text(const PretrainOptions& options, const PretrainContext& context) {
  const auto files = find_text_files(options.text.files, context.data_dir);
  const fs::path folder = context.work / ("text-" + text_fingerprint(options, files).substr(0, 16));
  if (fs::exists(folder / "counts.json")) return folder;
  AtomicFolder made(folder);
  if (options.tokenizer_from.empty()) {
    log::info(cat("learning a tokenizer of ", options.tokenizer.vocab_size, " tokens from ",
                  files.size(), " files"));
    train_tokenizer(options, context, files, made.path());
  } else {
    copy_tokenizer(options.tokenizer_from, made.path());
  }
  const auto tokenizer = text::Tokenizer::load(made.path());
  const TokenCounts counts =
      prepare_tokens({files, options.text.documents, options.text.held_out, end_token(*tokenizer),
                      tokenizer->size(), options.seed, context.stop},
                     *tokenizer, made.path());
  write_file(made.path() / "counts.json", Json{{"schema", 1},
                                               {"documents", counts.documents},
                                               {"train", counts.train},
                                               {"held_out", counts.held_out}}
                                                  .dump(1) +
                                              "\n");
  made.commit(true);
  return folder;
}

Json model_config(const PretrainOptions& options, const text::Tokenizer& tokenizer) {
  Json config = pretrain_config(options.model, tokenizer.size());
  const auto bos = tokenizer.bos();
  config["bos_token_id"] = bos ? Json(*bos) : Json(nullptr);
  config["eos_token_id"] = end_token(tokenizer);
  if (options.model.model_type == "t5") {
    const auto pad = tokenizer.pad();
    config["pad_token_id"] = pad ? Json(*pad) : Json(nullptr);
    config["decoder_start_token_id"] = pad ? *pad : end_token(tokenizer);
  }
  return config;
}

// How T5 is trained; nothing for decoders. Throws `config` where the tokenizer has too few
// sentinels for a block.
std::optional<SpanCorruption> span_corruption(const PretrainOptions& options,
                                              const text::Tokenizer& tokenizer) {
  if (options.model.model_type != "t5") return std::nullopt;
  SpanCorruption spans;
  spans.end_token = end_token(tokenizer);
  for (int64_t s = 0; s < kSentinels; ++s) {
    const auto id = tokenizer.id_of(sentinel(s));
    if (!id) break;
    spans.sentinels.push_back(*id);
  }
  const int64_t needed = spans.cut_spans(options.block);
  if (needed > static_cast<int64_t>(spans.sentinels.size())) {
    throw Error(Exit::config, "block",
                cat("got ", options.block, " tokens, of which ", needed,
                    " spans are cut out, but the tokenizer has ", spans.sentinels.size(),
                    " sentinels (", sentinel(0),
                    " and on); expected a shorter block, or a tokenizer "
                    "made for T5"));
  }
  return spans;
}

void check_options(const PretrainOptions& options) {
  std::vector<std::string> problems;
  if (options.output.empty())
    problems.emplace_back("output: got nothing, expected a folder to write");
  if (options.text.files.empty()) {
    problems.emplace_back("text.files: got none, expected at least one file or folder");
  }
  if (options.block > options.model.n_positions) {
    problems.push_back(cat("block: got ", options.block, ", expected at most model.n_positions ",
                           options.model.n_positions));
  }
  if (!options.train.select.empty() && options.train.select != "loss") {
    problems.push_back(cat("train.select: got '", options.train.select,
                           "', expected `loss` (of the held-out text) or nothing"));
  }
  if (!problems.empty()) throw Error(Exit::config, std::move(problems));
}

std::vector<std::pair<std::string, std::string>> continuations(const PretrainOptions& options,
                                                               GenerativeLM& model,
                                                               const text::Tokenizer& tokenizer) {
  std::vector<std::pair<std::string, std::string>> result;
  GenerateOptions how;
  how.max_new_tokens = options.sample_tokens;
  how.end_tokens = {end_token(tokenizer)};
  for (const std::string& beginning : options.samples) {
    std::vector<int64_t> prompt;
    for (const int32_t id : tokenizer.encode(beginning)) prompt.push_back(id);
    if (prompt.empty()) continue;
    const auto found = generate(model, {prompt}, how);
    std::vector<int32_t> shown(found[0].begin(), found[0].end());
    result.emplace_back(beginning, tokenizer.decode(shown, true));
  }
  return result;
}

std::shared_ptr<GenerativeLM> make_model(const PretrainOptions& options,
                                         const PretrainContext& context, const Json& config) {
  LoadOptions load;
  load.precision = options.precision;
  load.trainable = true;
  load.device = context.device;
  return make_generative_lm(config, options.seed, load);
}

// Hours of training are not thrown away because somebody forgot a flag.
void refuse_begun(const PretrainContext& context) {
  const fs::path checkpoints = context.work / "checkpoints";
  if (context.resume || !fs::exists(checkpoints) || fs::is_empty(checkpoints)) return;
  const bool finished = fs::exists(checkpoints / "final.safetensors");
  throw Error(Exit::usage, context.work.string(),
              finished ? "holds a finished run; give another --run folder, or remove this one"
                       : "holds the checkpoints of an earlier run; add --resume to go on with it, "
                         "or give another --run folder");
}

model::Stage stage_of(const PretrainOptions& options, std::shared_ptr<BlockObjective> objective,
                      GenerativeLM& model) {
  model::Stage stage;
  stage.name = "pretrain";
  stage.objectives = {std::move(objective)};
  stage.parameters = pretrain_groups(model, options.train.weight_decay);
  stage.training = {&model};
  stage.train = options.train;
  stage.train.epochs = options.train.epochs * options.parts;
  return stage;
}

train::FitContext fit_context(const PretrainOptions& options, const PretrainContext& context,
                              const fs::path& text, const HeldOutLoss& held_out) {
  train::FitContext fit;
  fit.folder = context.work / "checkpoints";
  fit.seed = options.seed;
  fit.device = context.device;
  fit.resume = context.resume;
  fit.previous = context.previous;
  fit.fingerprint = fingerprint(write_options(options).dump() + text.filename().string());
  fit.validate = [&held_out] { return train::Validation{held_out.numbers(), std::nullopt}; };
  fit.record = context.record;
  if (context.cut_back)
    fit.cut_back = [&context](int64_t records) { context.cut_back("pretrain", records); };
  fit.stop = context.stop;
  fit.quiet = context.quiet;
  return fit;
}

// The model's folder: weights, configuration, the text folder's tokenizer, and the card.
void write_model(const PretrainOptions& options, const GenerativeLM& model, const fs::path& text,
                 const std::string& card) {
  AtomicFolder made(options.output);
  save_backbone(model, made.path(), options.dtype);
  for (const auto& entry : fs::directory_iterator(text)) {
    const fs::path name = entry.path().filename();
    if (name.extension() != ".tokens" && name != "counts.json") {
      fs::copy_file(entry.path(), made.path() / name);
    }
  }
  write_file(made.path() / "README.md", card);
  made.commit(true);
}

}  // namespace

model::TrainOptions PretrainOptions::default_train() {
  model::TrainOptions train;
  train.optimizer = "adamw";
  train.batch_size = 16;
  train.learning_rate = 1e-3;
  train.beta2 = 0.95;
  train.weight_decay = 0.1;
  train.schedule = "cosine";
  train.warmup_steps = 100;
  train.clip_norm = 1.0;
  return train;
}

PretrainResult pretrain(const PretrainOptions& options, const PretrainContext& context) {
  check_options(options);
  make_folders(context.work);
  const FolderLock lock(context.work);
  refuse_begun(context);
  const fs::path text = prepare_text(options, context);
  const auto tokenizer = text::Tokenizer::load(text);
  const Json config = model_config(options, *tokenizer);
  const auto model = make_model(options, context, config);
  BlockData data{text / "train.tokens",
                 tokenizer->size(),
                 options.block,
                 options.train.batch_size,
                 options.parts,
                 options.seed,
                 span_corruption(options, *tokenizer)};
  const auto objective = std::make_shared<BlockObjective>(model, data);
  data.tokens = text / "held_out.tokens";
  const HeldOutLoss held_out(model, data, options.validation_blocks);

  model::Stage stage = stage_of(options, objective, *model);
  const train::FitContext fit = fit_context(options, context, text, held_out);
  // A start that died before its first checkpoint may have left records.
  if (!context.resume && context.cut_back) context.cut_back(stage.name, 0);
  const train::FitResult fitted = train::fit(stage, fit);
  model->eval();

  PretrainResult result;
  const Json counts = read_json((text / "counts.json").string());
  result.documents = counts["documents"].get<int64_t>();
  result.train_tokens = counts["train"].get<int64_t>();
  result.validation_tokens = counts["held_out"].get<int64_t>();
  for (const auto& parameter : model->parameters()) result.parameters += parameter.numel();
  result.steps = fitted.steps;
  result.seconds = fitted.seconds;
  result.loss = held_out.loss();
  result.perplexity = std::exp(result.loss);
  write_model(
      options, *model, text,
      model_card(options, result, context.recipe, continuations(options, *model, *tokenizer)));
  return result;
}

}  // namespace kindred::lm
