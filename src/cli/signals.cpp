#include "cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <thread>

#include "cli/program.h"
#include "core/strings.h"

namespace kindred::cli {
namespace {

int wake_pipe[2];
std::atomic<int> received{0};

void on_signal(int) {
  if (received.fetch_add(1) > 0) _exit(static_cast<int>(Exit::interrupted));
  const char byte = 1;
  [[maybe_unused]] const auto written = write(wake_pipe[1], &byte, 1);
}

const CLI::App& chosen(const CLI::App& app) {
  for (const CLI::App* sub : app.get_subcommands()) return chosen(*sub);
  return app;
}

std::vector<std::string> known_words(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* level = &app; level; level = level->get_parent()) {
    for (const CLI::Option* option : level->get_options())
      for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    words.push_back(sub->get_name());
  return words;
}

/// What is typed to reach a command: "kindred lm score".
std::string path_of(const CLI::App& command) {
  std::string path = command.get_name();
  for (const CLI::App* level = command.get_parent(); level; level = level->get_parent())
    path = level->get_name() + " " + path;
  return path;
}

}  // namespace

std::stop_token stop_on_signals() {
  static std::stop_source source;
  if (pipe(wake_pipe) != 0) throw Error(Exit::internal, "signals", "cannot make a pipe");
  // A stop source is not safe inside a signal handler: the handler writes a byte, a thread waits
  // for it.
  std::thread([] {
    char byte;
    while (read(wake_pipe[0], &byte, 1) == 1) {
      std::cerr << "\nstopping: saving first (once more to stop at once)\n";
      source.request_stop();
    }
  }).detach();
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return source.get_token();
}

Error usage_error(const CLI::App& app, const CLI::ParseError& error,
                  const std::vector<std::string>& arguments) {
  const CLI::App& where = chosen(app);
  const std::vector<std::string> known = known_words(where);
  const bool wants_command = !where.get_subcommands([](const CLI::App*) { return true; }).empty();
  std::string hint;
  std::vector<std::string> strange;
  for (const std::string& argument : arguments) {
    const std::string word = argument.substr(0, argument.find('='));
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    if (word.starts_with("--")) strange.push_back(word);
    if (hint.empty() && (word.starts_with("--") || wants_command)) hint = suggestion(word, known);
  }
  std::string text = error.what();
  // CLI11 names what stands after an unknown option too, last word first.
  if (dynamic_cast<const CLI::ExtrasError*>(&error) && !strange.empty())
    text = cat("it does not take ", join(strange, ", "));
  if (dynamic_cast<const CLI::RequiredError*>(&error) && wants_command)
    for (const std::string& word : arguments)
      if (!word.starts_with("-") && word != where.get_name() &&
          std::find(known.begin(), known.end(), word) == known.end())
        text = cat("there is no command '", word, "'");
  for (char& c : text)
    if (c == '\n') c = ' ';
  const std::string name = path_of(where);
  return Error(Exit::usage, name,
               cat(std::string(trim(text)), hint, "; `", name, " --help` shows what it takes"));
}

std::string help_of(const CLI::App& app) {
  const CLI::App& asked = chosen(app);
  if (!asked.get_parent()) return asked.help();
  // CLI11 writes the command's own name only; the way to it is part of what has to be typed.
  std::string text = asked.help();
  const std::string usage = "Usage: " + asked.get_name();
  if (const size_t at = text.find(usage); at != std::string::npos)
    text.replace(at, usage.size(), "Usage: " + path_of(asked));
  return text +
         "\n--json, --quiet, --threads, --data-dir and others of every command: `kindred --help`\n";
}

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& summary,
                      const std::string& example) {
  CLI::App* command = app.add_subcommand(name, summary);
  command->footer("Example:\n  " + example);
  return command;
}

void add_precision(CLI::App& command, std::string& precision) {
  command
      .add_option("--precision", precision,
                  "of the run's language model: auto, fp32, bf16 or int8 (default: as trained)")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "int8"}));
}

void print(const Json& value) {
  std::cout << value.dump(2) << '\n';
}
void print(const std::string& text) {
  std::cout << text << (text.ends_with('\n') ? "" : "\n");
}

}  // namespace kindred::cli
