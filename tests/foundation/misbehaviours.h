// What the box has been told to do wrong. Each misbehaviour has a name, may be limited to a
// number of times, and may carry parameters that its place understands.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::box {

struct Misbehaviour {
  std::string name;
  std::optional<int> count;  // how often still; absent: until it is switched off
  int skip = 0;              // that many occasions pass before the first one counts
  std::map<std::string, std::string> parameters;
  int occurred = 0;

  double Number(const std::string& parameter, double otherwise) const;
  std::string Text(const std::string& parameter, const std::string& otherwise) const;
};

class Misbehaviours {
 public:
  static const std::vector<std::string>& Names();

  // False when no misbehaviour has that name. Replaces one of the same name.
  bool Set(Misbehaviour misbehaviour);
  void Clear();
  bool Clear(const std::string& name);
  std::vector<Misbehaviour> All() const;

  // The misbehaviour when it is due here and now, which uses up one of its count. `occasion`
  // must contain the parameter "path", when there is one.
  std::optional<Misbehaviour> Take(const std::string& name, std::string_view occasion = "");

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Misbehaviour> active_;
};

}  // namespace sluice::box
