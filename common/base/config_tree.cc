#include "common/base/config_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace sluice {
namespace {

constexpr size_t kPrintedKeyMax = 64;

// Ends the parse from within yaml-cpp's callbacks, which have no other way to stop it.
struct Refusal {
  int line;
  std::string what;
};

int LineOf(const YAML::Mark& mark) { return mark.line + 1; }

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(ConfigTree& tree) : tree_(tree) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    Add(mark, ConfigNode::Kind::kNothing, "");
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refusal{LineOf(mark), "aliases ('*name') are not taken here; write the value out"};
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (NameExpected()) {
      name_ = value;
      name_line_ = LineOf(mark);
      name_known_ = true;
      return;
    }
    Add(mark, ConfigNode::Kind::kScalar, value);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, ConfigNode::Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, ConfigNode::Kind::kSection);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  bool NameExpected() const {
    return !open_.empty() && open_.back()->kind == ConfigNode::Kind::kSection && !name_known_;
  }

  static void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) {
      throw Refusal{LineOf(mark), "anchors ('&name') are not taken here; write the value out"};
    }
  }

  // "?" is a plain scalar, "!" a quoted one.
  static void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      throw Refusal{LineOf(mark), "tags ('!name') are not taken here"};
    }
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            ConfigNode::Kind kind) {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (open_.size() >= static_cast<size_t>(kConfigDepthMax)) {
      throw Refusal{LineOf(mark), absl::StrCat("nested deeper than ", kConfigDepthMax, " levels")};
    }
    open_.push_back(Add(mark, kind, ""));
  }

  ConfigNode* Add(const YAML::Mark& mark, ConfigNode::Kind kind, std::string scalar) {
    if (NameExpected()) {
      throw Refusal{LineOf(mark), "a key must be a plain name"};
    }
    auto node = std::make_unique<ConfigNode>();
    node->kind = kind;
    node->line = LineOf(mark);
    node->scalar = std::move(scalar);
    ConfigNode* added = node.get();
    if (open_.empty()) {
      tree_.root = std::move(node);
      return added;
    }
    ConfigNode& parent = *open_.back();
    if (parent.kind == ConfigNode::Kind::kSection) {
      if (parent.Find(name_) != nullptr) {
        tree_.mistakes.push_back(
            {name_line_, absl::StrCat("'", PrintableKey(name_), "' is given twice")});
      }
      // A key whose value is on a later line is reported where the key is.
      added->line = name_line_;
      parent.entries.push_back({std::exchange(name_, ""), name_line_, std::move(node)});
      name_known_ = false;
    } else {
      parent.entries.push_back({"", added->line, std::move(node)});
    }
    return added;
  }

  ConfigTree& tree_;
  std::vector<ConfigNode*> open_;
  std::string name_;  // the key that waits for its value, in the innermost section
  int name_line_ = 1;
  bool name_known_ = false;
};

ConfigTree Broken(int line, std::string what) {
  ConfigTree tree;
  tree.root = std::make_unique<ConfigNode>();
  tree.root->kind = ConfigNode::Kind::kSection;
  tree.broken = true;
  tree.mistakes.push_back({line, std::move(what)});
  return tree;
}

}  // namespace

ConfigNode* ConfigNode::Find(std::string_view name) const {
  for (const ConfigEntry& entry : entries) {
    if (entry.name == name) return entry.node.get();
  }
  return nullptr;
}

std::string PrintableKey(std::string_view name) {
  std::string printable(name.substr(0, kPrintedKeyMax));
  for (char& byte : printable) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) byte = '?';
  }
  return name.size() > kPrintedKeyMax ? printable + "..." : printable;
}

ConfigTree ParseConfigTree(std::string_view text) {
  if (text.size() > kConfigBytesMax) {
    return Broken(1, absl::StrCat("larger than the ", kConfigBytesMax, " bytes allowed"));
  }
  ConfigTree tree;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(tree);
    const bool any = parser.HandleNextDocument(builder);
    TreeBuilder rest(tree);
    if (any && parser.HandleNextDocument(rest)) {
      return Broken(1, "holds several YAML documents ('---'); give one");
    }
  } catch (const Refusal& refusal) {
    return Broken(refusal.line, refusal.what);
  } catch (const YAML::Exception& error) {
    return Broken(error.mark.is_null() ? 1 : LineOf(error.mark),
                  absl::StrCat("not valid YAML: ", error.msg));
  }
  if (tree.root == nullptr || tree.root->kind == ConfigNode::Kind::kNothing) {
    tree.root = std::make_unique<ConfigNode>();
    tree.root->kind = ConfigNode::Kind::kSection;
  } else if (tree.root->kind != ConfigNode::Kind::kSection) {
    return Broken(tree.root->line, "must be a map of keys to values");
  }
  return tree;
}

}  // namespace sluice
