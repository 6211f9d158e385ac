#include <fstream>
#include <memory>
#include <sstream>

#include "cli/program.h"
#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "run/arrivals.h"
#include "run/recommend.h"

namespace kindred::cli {
namespace {

/// The options of `recommend` as they are typed.
struct Typed {
  fs::path run;
  std::vector<std::string> users;
  std::string history;
  int64_t top = 10;
  fs::path users_file, output, among, exclude, new_items;
  std::string precision;
  bool keep_seen = false;
};

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  if (path.empty()) return lines;
  for (const std::string& line : split(read_file(path), '\n')) {
    const std::string_view token = trim(line);
    if (!token.empty()) lines.emplace_back(token);
  }
  return lines;
}

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> parts;
  for (const std::string& part : split(text, ','))
    if (!trim(part).empty()) parts.emplace_back(trim(part));
  return parts;
}

run::RecommendRequest request_of(const Typed& typed) {
  run::RecommendRequest request;
  request.users = typed.users;
  for (std::string& user : lines_of(typed.users_file)) request.users.push_back(std::move(user));
  request.history = listed(typed.history);
  request.top = typed.top;
  request.among = lines_of(typed.among);
  request.exclude = lines_of(typed.exclude);
  request.keep_seen = typed.keep_seen;
  if (request.users.empty() == request.history.empty())
    throw Error(Exit::usage, "kindred recommend",
                "needs either --user (or --users-file) or --history; got " +
                    std::string(request.users.empty() ? "neither" : "both"));
  return request;
}

std::string as_lines(const std::vector<run::Recommendation>& all) {
  std::string text;
  for (const run::Recommendation& one : all) text += run::to_json(one).dump() + "\n";
  return text;
}

}  // namespace

void add_recommend(CLI::App& app, Program& program) {
  auto typed = std::make_shared<Typed>();
  CLI::App* command =
      add_command(app, "recommend", "recommend items to people, known or never seen",
                  "kindred recommend runs/sample/cllm4rec/… --history i001,i042 --top 5");
  command->add_option("run", typed->run, "run folder")->required();
  command->add_option("--user", typed->users, "a user's token (repeatable)");
  command->add_option("--history", typed->history, "items of a person never seen: i1,i2,…");
  command->add_option("--users-file", typed->users_file, "user tokens, one a line");
  command->add_option("--output", typed->output, "write JSON lines here instead of printing");
  command->add_option("--top", typed->top, "how many items")->check(CLI::Range(1, 1000000));
  command->add_option("--among", typed->among, "only items of this file, one token a line");
  command->add_option("--new-items", typed->new_items,
                      "items that came after training (item:token, title:token_seq): cold, for "
                      "--history, --among and the end of lists");
  command->add_option("--exclude", typed->exclude, "never items of this file");
  command->add_flag("--keep-seen", typed->keep_seen, "recommend what the person knows too");
  add_precision(*command, typed->precision);
  command->callback([typed, &program] {
    const run::RecommendRequest request = request_of(*typed);
    run::OpenedRun opened = run::open_run(typed->run, {program.device, typed->precision});
    if (!typed->new_items.empty()) run::extend(opened, {}, run::read_new_items(typed->new_items));
    const auto all = run::recommend(opened, request, program.stop);
    if (!typed->output.empty()) {
      write_file(typed->output, as_lines(all));
    } else if (program.json) {
      Json json = Json::array();
      for (const auto& one : all) json.push_back(run::to_json(one));
      print(all.size() == 1 ? json[0] : json);
    } else {
      for (const auto& one : all) print(run::to_text(one, opened));
    }
  });
}

void add_score(CLI::App& app, Program& program) {
  struct TypedScore {
    fs::path run;
    std::string user, history, items, precision;
  };
  auto typed = std::make_shared<TypedScore>();
  CLI::App* command = add_command(
      app, "score", "scores of given items for a person, and probabilities where there are any",
      "kindred score runs/sample/ease/… --user u001 --items i001,i002");
  command->add_option("run", typed->run, "run folder")->required();
  CLI::Option* user = command->add_option("--user", typed->user, "the user's token");
  command->add_option("--history", typed->history, "items of a person never seen: i1,i2,…")
      ->excludes(user);
  command->add_option("--items", typed->items, "item tokens: i1,i2,…")->required();
  add_precision(*command, typed->precision);
  command->callback([typed, &program] {
    run::OpenedRun opened = run::open_run(typed->run, {program.device, typed->precision});
    run::RecommendRequest whom;
    if (!typed->user.empty()) whom.users = {typed->user};
    whom.history = listed(typed->history);
    if (whom.users.empty() && whom.history.empty())
      throw Error(Exit::usage, "kindred score", "needs either --user or --history; got neither");
    const run::Recommendation scored = run::score_items(opened, whom, listed(typed->items));
    if (program.json) {
      print(run::to_json(scored));
    } else {
      print(run::to_text(scored, opened));
    }
  });
}

void add_answer(CLI::App& app, Program& program) {
  struct TypedQuestion {
    fs::path run;
    std::string user, question, precision;
  };
  auto typed = std::make_shared<TypedQuestion>();
  CLI::App* command = add_command(app, "answer", "text in reply to a person's question",
                                  "kindred answer RUN --user u001 --ask \"What next, and why?\"");
  command->add_option("run", typed->run, "run folder")->required();
  command->add_option("--user", typed->user, "the user's token")->required();
  command->add_option("--ask", typed->question, "the question (default: the recommender's own)");
  add_precision(*command, typed->precision);
  command->callback([typed, &program] {
    run::OpenedRun opened = run::open_run(typed->run, {program.device, typed->precision});
    const std::string text = run::answer(opened, typed->user, typed->question);
    if (program.json) {
      print(Json{{"user", typed->user}, {"answer", text}});
    } else {
      print(text + "\n");
    }
  });
}

}  // namespace kindred::cli
