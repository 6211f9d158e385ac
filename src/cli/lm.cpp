#include <iostream>
#include <memory>

#include "cli/program.h"
#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "lm/commands.h"
#include "model/device.h"
#include "run/pretrain.h"
#include "run/run_folder.h"

namespace kindred::cli {
namespace {

using Answer = void (*)(const lm::CommandOptions&, const std::vector<std::string>&,
                        const lm::Emit&);

/// What `tokenize`, `score`, `generate` and `embed` share.
struct Typed {
  lm::CommandOptions options;
  fs::path text_file;
  std::vector<std::string> texts;
  fs::path answers_file;
  bool no_specials = false, stream = false;
};

/// Prints a text that grows, without what was printed before. What may still change at its end
/// waits: half a character, whose bytes are shown as up to three U+FFFD.
class Stream {
 public:
  void print(const std::string& text) {
    std::string_view whole = text;
    for (int i = 0; i < 3 && whole.ends_with("\xEF\xBF\xBD"); ++i) whole.remove_suffix(3);
    if (whole.size() <= printed_) return;
    std::cout << whole.substr(printed_) << std::flush;
    printed_ = whole.size();
  }
  void end(const std::string& text) {
    std::cout << text.substr(std::min(printed_, text.size())) << std::endl;
    printed_ = 0;
  }

 private:
  size_t printed_ = 0;
};

/// Asks `answer` about the texts; one JSON object a line with --json, plain text otherwise.
void answer_texts(Typed& typed, const Program& program, Answer answer, const std::string& shown) {
  typed.options.device = model::find_device(program.device);
  typed.options.model = program.paths.find_model(typed.options.model.string());
  typed.options.specials = !typed.no_specials;
  typed.options.stop = program.stop;
  if (!typed.answers_file.empty()) typed.options.answers = lm::read_text_lines(typed.answers_file);
  Stream stream;
  const bool streams = typed.stream && !program.json;
  if (streams) typed.options.on_text = [&](const std::string& text) { stream.print(text); };
  std::vector<std::string> texts = typed.texts;
  if (!typed.text_file.empty()) {
    const auto read = lm::read_text_lines(typed.text_file);
    texts.insert(texts.end(), read.begin(), read.end());
  }
  if (texts.empty() && typed.text_file.empty())
    throw Error(Exit::usage, "kindred lm",
                "got no text, expected --text-file or texts on the command line");
  answer(typed.options, texts, [&](const Json& json) {
    if (streams) {
      stream.end(json.at(shown).get<std::string>());
    } else if (program.json || !json.contains(shown)) {
      std::cout << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    } else {
      const Json& value = json.at(shown);
      std::cout << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
    }
  });
}

void add_generation(CLI::App& command, Typed& typed) {
  lm::GenerateOptions& how = typed.options.generate;
  command.add_option("--max-new-tokens", how.max_new_tokens, "most tokens to write")
      ->check(CLI::Range(1, 1000000));
  command.add_option("--min-new-tokens", how.min_new_tokens, "no end before so many")
      ->check(CLI::Range(0, 1000000));
  auto* temperature = command
                          .add_option("--temperature", how.choice.temperature,
                                      "draw tokens at this temperature (default 0: the likeliest)")
                          ->check(CLI::Range(0.0, 100.0));
  command.add_option("--top-k", how.choice.top_k, "draw among the k likeliest")
      ->check(CLI::Range(1, 1 << 30))
      ->needs(temperature);
  command.add_option("--top-p", how.choice.top_p, "draw among the likeliest of this probability")
      ->check(CLI::Range(0.0, 1.0))
      ->needs(temperature);
  command.add_option("--seed", how.seed, "of drawing")->needs(temperature);
  command.add_option("--beams", how.beams, "beam search of this width")
      ->check(CLI::Range(1, 1000))
      ->excludes(temperature);
  command
      .add_option("--length-penalty", how.length_penalty,
                  "beams compare log-probability / length^penalty")
      ->check(CLI::Range(-100.0, 100.0));
  command
      .add_option("--repetition-penalty", how.choice.repetition_penalty,
                  "above 1: tokens that came before lose")
      ->check(CLI::Range(0.01, 100.0));
  command.add_option("--stop", how.stop_strings, "end before this text (repeatable)")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_option("--answers", typed.answers_file,
                     "write one of these only: file with one JSON string a line");
  command.add_flag("--stream", typed.stream, "print each text while it is written");
}

void add_answering(CLI::App& lm, Program& program, const char* name, const char* summary,
                   std::pair<Answer, const char*> work) {
  auto typed = std::make_shared<Typed>();
  CLI::App* command = add_command(
      lm, name, summary, cat("kindred lm ", name, " --model models/tiny 'A sturdy pan' --json"));
  command->add_option("--model", typed->options.model, "Hugging Face folder")->required();
  command->add_option("texts", typed->texts, "texts");
  command->add_option("--text-file", typed->text_file, "file with one JSON string a line");
  command->add_option("--adapter", typed->options.adapter, "PEFT adapter folder");
  command->add_option("--precision", typed->options.precision, "auto, fp32, bf16 or int8")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "int8"}));
  command->add_flag("--no-specials", typed->no_specials,
                    "no default specials, none parsed in texts");
  if (std::string(name) == "generate") add_generation(*command, *typed);
  command->callback(
      [typed, &program, work] { answer_texts(*typed, program, work.first, work.second); });
}

lm::PretrainOptions pretrain_options(const fs::path& recipe,
                                     const std::vector<std::string>& assignments) {
  if (!fs::exists(recipe)) throw Error(Exit::missing, recipe.string(), "there is no such recipe");
  Json json = parse_yaml(read_file(recipe, 1 << 20), recipe.string());
  for (const std::string& assignment : assignments) set_option(json, assignment);
  return read_options<lm::PretrainOptions>(json, recipe.string() + ":");
}

/// What `pretrain` is given.
struct TypedPretrain {
  fs::path recipe, work;
  std::vector<std::string> assignments;
  bool resume = false, previous = false;
};

lm::PretrainResult run_pretrain(const TypedPretrain& typed, const lm::PretrainOptions& options,
                                const Program& program) {
  lm::PretrainContext context;
  context.data_dir = program.paths.data_root();
  context.work = typed.work.empty() ? fs::path("runs/lm") / typed.recipe.stem() : typed.work;
  context.recipe = read_file(typed.recipe);
  context.device = model::find_device(program.device);
  context.resume = typed.resume;
  context.previous = typed.previous;
  context.quiet = program.quiet;
  context.stop = program.stop;
  make_folders(context.work);
  run::RunLog log(context.work / "log.jsonl", context.work / "tensorboard");
  context.record = [&log](const Json& record) { log.append(record); };
  context.cut_back = [&log](const std::string& stage, int64_t records) {
    log.cut_back(stage, records);
  };
  return lm::pretrain(options, context);
}

void show_pretrained(const std::string& output, const lm::PretrainResult& found, bool json) {
  if (json)
    return print(Json{{"output", output},
                      {"parameters", found.parameters},
                      {"train_tokens", found.train_tokens},
                      {"validation_tokens", found.validation_tokens},
                      {"steps", found.steps},
                      {"loss", found.loss},
                      {"perplexity", found.perplexity},
                      {"seconds", found.seconds}});
  print(cat(output, ": ", with_commas(found.parameters), " parameters, ",
            with_commas(found.train_tokens), " training tokens, validation perplexity ",
            number(found.perplexity, 5), " a token, ", number(found.seconds, 4), " s\n"));
}

void add_pretrain(CLI::App& lm, Program& program) {
  auto typed = std::make_shared<TypedPretrain>();
  CLI::App* command =
      add_command(lm, "pretrain", "a small language model and its tokenizer from text files",
                  "kindred lm pretrain recipes/lm/tiny.yaml");
  command->add_option("recipe", typed->recipe, "YAML file")->required();
  command->add_option("--run", typed->work,
                      "folder of the log and checkpoints (default: runs/lm/<recipe>)");
  command->add_flag("--resume", typed->resume, "go on with an unfinished run");
  command
      ->add_flag("--previous", typed->previous,
                 "with --resume: where the newest checkpoint is damaged, go on from the one before")
      ->needs("--resume");
  command->add_option("--set", typed->assignments, "set an option: a.b=value (repeatable)")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->callback([typed, &program] {
    const auto options = pretrain_options(typed->recipe, typed->assignments);
    show_pretrained(options.output, run_pretrain(*typed, options, program), program.json);
  });
}

}  // namespace

void add_lm(CLI::App& app, Program& program) {
  CLI::App* lm =
      add_command(app, "lm", "a language model on its own",
                  "kindred lm generate --model models/tiny 'The best way to' --max-new-tokens 20");
  lm->require_subcommand(1);
  lm->fallthrough();
  add_answering(*lm, program, "tokenize", "token ids of texts", {lm::tokenize_texts, "tokens"});
  add_answering(*lm, program, "score", "log-probabilities of texts", {lm::score_texts, "loss"});
  add_answering(*lm, program, "generate", "continuations of texts, greedy unless asked otherwise",
                {lm::generate_texts, "text"});
  add_answering(*lm, program, "embed", "vectors of texts", {lm::embed_texts, "embedding"});
  add_pretrain(*lm, program);
}

}  // namespace kindred::cli
