#!/usr/bin/env python3
"""The tidy test must be able to fail: each rule is shown a small tree that breaks it, once."""

import tempfile
import unittest
from pathlib import Path

import cpp_text
from finding import Tree
from tidy import findings

HEADER = "// What this is for.\n#pragma once\n"
# Names of what is forbidden are put together here, so that this file itself stays clean.
LEFT_OVER = "TO" + "DO"


class TidyTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("common/http/CMakeLists.txt",
                   "sluice_library(http SOURCES a.cc b.cc a_test.cc)\n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def rules_for(self, path: str, text: str) -> list[str]:
        """The rules that the file breaks when it is written into an otherwise clean tree."""
        self.write(path, text)
        found = findings(Tree.of_folder(self.root))
        return [f.rule for f in found if f.rule not in ("dead-source", "readme")]

    def test_clean_tree_has_no_findings(self) -> None:
        self.write("common/http/a.cc", "int Add(int a, int b) { return a + b; }\n")
        self.write("common/http/b.cc", '#include "common/base/status.h"\n')
        self.write("common/http/a.h", HEADER)
        self.write("common/README.md", "# common\n\nRooms.\n\n`http/`: requests.\n")
        self.write("common/http/README.md", "# common/http\n\nRequests; nothing else.\n")
        self.assertEqual(findings(Tree.of_folder(self.root)), [])

    def test_each_forbidden_call_is_found(self) -> None:
        for call in ("absl::Now()", "std::chrono::steady_clock::now()", "time(nullptr)",
                     "absl::SleepFor(x)", "usleep(1)", "rand()", "std::random_device device",
                     "RAND_bytes(p, 1)", "std::thread t", "std::async(f)", "absl::Mutex m",
                     "std::mutex m", "std::ofstream f", 'fopen("f", "r")', "::open(p, 0)",
                     "std::mt19937_64 e", "assert(x)"):
            with self.subTest(call):
                self.assertEqual(self.rules_for("common/http/a.cc", f"void F() {{ {call}; }}\n"),
                                 ["forbidden-call"])
        catch_all = "void F() {\n  try {\n  } catch (...) {\n  }\n}\n"
        self.assertEqual(self.rules_for("common/http/a.cc", catch_all), ["forbidden-call"])

    def test_forbidden_call_in_its_own_place_or_in_a_comment_is_none(self) -> None:
        self.write("common/base/CMakeLists.txt", "sluice_library(base SOURCES clock.cc)\n")
        for path, text in (("common/base/clock.cc", "auto F() { return absl::Now(); }\n"),
                           ("common/http/a.cc", "// absl::Now() is not for here.\n"),
                           ("common/http/a.cc", 'auto s = "rand()";\n'),
                           ("common/http/a.cc", "auto F() { return record.time(); }\n")):
            with self.subTest(text):
                self.assertEqual(self.rules_for(path, text), [])

    def test_sleep_is_found_in_tests_and_in_python(self) -> None:
        self.assertEqual(self.rules_for("common/http/a_test.cc", "void F() { sleep(1); }\n"),
                         ["forbidden-call"])
        self.write("common/http/a_test.cc", "")
        self.assertEqual(self.rules_for("tests/e2e/x.py", "time.sleep(1)\n"), ["sleep"])
        self.assertEqual(
            self.rules_for("tests/e2e/x.py", "time.sleep(1)  # pace: 20 requests a second\n"), [])

    def test_library_outside_its_room_is_found(self) -> None:
        for include in ("zmq.hpp", "sqlite3.h", "fstream", "thread", "spdlog/spdlog.h"):
            with self.subTest(include):
                self.assertEqual(self.rules_for("common/http/a.cc", f"#include <{include}>\n"),
                                 ["forbidden-include"])
        self.assertEqual(self.rules_for("common/http/a.cc", "#include <curl/curl.h>\n"), [])

    def test_names_that_say_nothing_are_found_in_types_and_paths(self) -> None:
        for name in ("PeerManager", "JsonUtil", "HttpHandler", "ChunkProcessor", "AppController",
                     "DropletInfo", "SpoolImpl"):
            with self.subTest(name):
                self.assertEqual(self.rules_for("common/http/a.cc", f"class {name} {{}};\n"),
                                 ["banned-name"])
        for name in ("ZapHandler", "CloudController", "Database", "Information", "Renewal"):
            with self.subTest(name):
                self.assertEqual(self.rules_for("common/http/a.cc", f"class {name} {{}};\n"), [])
        self.assertEqual(self.rules_for("common/http/a.cc", "int src = 0;\n"), ["banned-name"])
        self.write("common/http/a.cc", "")
        self.assertEqual(self.rules_for("common/http/string_utils.h", HEADER), ["banned-name"])

    def test_function_of_70_lines_passes_and_of_71_does_not(self) -> None:
        def function(lines: int) -> str:
            return "Call::Call(int a)\n    : a_{a}, b_{1} {\n" + "  a();\n" * (lines - 3) + "}\n"

        self.assertEqual(self.rules_for("common/http/a.cc", function(70)), [])
        self.assertEqual(self.rules_for("common/http/a.cc", function(71)), ["long-function"])
        self.assertEqual(self.rules_for("common/http/a.cc", "namespace x {\nclass Y {\n" +
                                        function(71) + "};\n}\n"), ["long-function"])
        self.write("common/http/a.cc", "")
        self.assertEqual(self.rules_for("tests/e2e/x.py", "def f():\n" + "    g()\n" * 70),
                         ["long-function"])

    def test_file_of_600_lines_passes_and_of_601_does_not(self) -> None:
        self.assertEqual(self.rules_for("common/http/a.cc", "int a;\n" * 600), [])
        self.assertEqual(self.rules_for("common/http/a.cc", "int a;\n" * 601), ["long-file"])

    def test_line_of_100_columns_passes_and_of_101_does_not(self) -> None:
        self.assertEqual(self.rules_for("tests/e2e/x.py", "#" * 100 + "\n"), [])
        self.assertEqual(self.rules_for("tests/e2e/x.py", "#" * 101 + "\n"), ["long-line"])

    def test_rooms_that_may_not_know_each_other_are_found(self) -> None:
        for own, other in (("agent", "coordinator/daemon/x.h"), ("coordinator/cli", "agent/x.h"),
                           ("coordinator/daemon", "agent/jobs/x.h"),
                           ("agent/foundation", "common/net/x.h"),
                           ("common/transfer", "agent/foundation/x.h"),
                           ("common/transfer", "common/trust/order.h"),
                           ("common/base", "common/http/x.h"), ("common/net", "common/trust/x.h"),
                           ("tests/foundation", "agent/foundation/x.h")):
            with self.subTest(own=own, other=other):
                path = self.root / own / "x.h"
                self.assertEqual(self.rules_for(f"{own}/x.h", HEADER + f'#include "{other}"\n'),
                                 ["dependency"])
                path.unlink()

    def test_fake_in_a_program_is_found(self) -> None:
        include = '#include "common/base/testing/fake_clock.h"\n'
        self.assertEqual(self.rules_for("common/http/a.cc", include), ["dependency"])
        self.write("common/http/a.cc", "")
        self.assertEqual(self.rules_for("common/http/a_test.cc", include), [])

    def test_stray_entry_at_the_top_is_found(self) -> None:
        self.assertEqual(self.rules_for("docs/x.md", "x\n"), ["top-level"])

    def test_left_overs_machine_paths_tabs_and_blanks_are_found(self) -> None:
        for text, rule in ((f"// {LEFT_OVER}: later\n", "left-over"),
                           ("// /ro" "ot/x\n", "machine-path"),
                           ("// /home/" "me/x\n", "machine-path"), ("int a; \n", "text"),
                           ("\tint a;\n", "text"), ("int a;\r\n", "text"), ("int a;", "text")):
            with self.subTest(text):
                self.assertEqual(self.rules_for("common/http/a.cc", text), [rule])
        self.assertEqual(self.rules_for("common/http/a.cc", "// /home/vcap/app\n"), [])

    def test_source_that_nothing_builds_is_found(self) -> None:
        self.write("common/http/forgotten.cc", "int a;\n")
        self.write("tests/e2e/forgotten_test.py", "")
        found = [f for f in findings(Tree.of_folder(self.root)) if f.rule == "dead-source"]
        self.assertEqual([f.path for f in found],
                         ["common/http/forgotten.cc", "tests/e2e/forgotten_test.py"])

    def test_room_without_its_sentence_or_that_the_folder_above_omits_is_found(self) -> None:
        def without() -> list[str]:
            found = [f for f in findings(Tree.of_folder(self.root)) if f.rule == "readme"]
            return [f.path for f in found]

        everything = ["common/README.md", "common/http", "common/http/README.md"]
        self.assertEqual(without(), everything)
        self.write("common/README.md", "# common\n\nRooms.\n\n`http/`: requests.\n")
        self.assertEqual(without(), everything[2:])
        self.write("common/http/README.md", "# http\n\nRequests.\n")
        self.assertEqual(without(), everything[2:])
        self.write("common/http/README.md", "# common/http\n\nRequests; nothing else.\n")
        self.assertEqual(without(), [])

    def test_header_without_purpose_or_guard_is_found(self) -> None:
        self.assertEqual(self.rules_for("common/http/a.h", "#pragma once\n"), ["header-form"])
        self.assertEqual(self.rules_for("common/http/a.h", "// What this is for.\n"),
                         ["header-form"])

    def test_package_without_reason_out_of_order_or_twice_is_found(self) -> None:
        for text in ("curl\n", "jq  # a\ncurl  # b\n", "curl  # a\n\n# Other\ncurl  # b\n"):
            with self.subTest(text):
                self.assertEqual(self.rules_for("deploy/packages.txt", text), ["packages"])
        self.assertEqual(
            self.rules_for("deploy/packages.txt", "jq  # a\n\n# Other\ncurl  # b\n"), [])


class CppTextTest(unittest.TestCase):
    def test_functions_are_found_with_their_lines(self) -> None:
        code = cpp_text.code_only(
            'namespace a {\nstruct B {\n  int C() const { return c; }\n};\n'
            'TEST(D, E) {\n  f("}");\n  // }\n}\nint g[] = {1, 2};\n}\n')
        self.assertEqual([(f.name, f.first_line, f.lines) for f in cpp_text.functions(code)],
                         [("C", 3, 1), ("TEST", 5, 4)])

    def test_digit_separators_and_raw_strings_do_not_confuse(self) -> None:
        code = cpp_text.code_only("int a = 1'000'000; auto s = R\"(rand() \" )\"; int b;\n")
        self.assertNotIn("rand", code)
        self.assertIn("int b;", code)


if __name__ == "__main__":
    unittest.main()
