# make demo   the whole way on this machine: three stations, real recordings, real playing, a real report
# make test   everything, on real parts; installs what it needs (as root with apt)
# make check  ruff, mypy, import contracts, doctests, fast tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check samples apt clean

demo: $(VENV)/demo
	@$(BIN)/broadcaster demo

test: apt $(VENV)/dev
	$(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --doctest-modules --ignore=broadcaster/store/migrations broadcaster tests/unit tests/docs

samples: $(VENV)/dev
	$(BIN)/python audio/make_samples.py

apt:
	@bash tests/install-tools.sh

$(VENV)/pip:
	@echo "making a virtual environment in $(VENV)/"
	@$(PYTHON) -m venv $(VENV) || { echo "error: no venv in this Python: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/demo: $(VENV)/pip setup.cfg pyproject.toml
	@echo "installing what the demo needs (a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(VENV)/dev: $(VENV)/pip setup.cfg pyproject.toml
	@echo "installing what the tests need (a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/demo

clean:
	rm -rf $(VENV) .demo build *.egg-info

.PHONY: bench-mastering
bench-mastering: apt $(VENV)/dev # mastering against the other tools, an hour of programme: about an hour
	$(BIN)/python -m benchmarks.mastering

.PHONY: bench-timetable
bench-timetable: $(VENV)/dev # a year of the timetable over 34 to 3,321 stations: seconds
	$(BIN)/python benchmarks/timetable.py

.PHONY: bench-airtime
bench-airtime: apt $(VENV)/dev # a year of journals of 34 to 3,321 stations, 10 million lines: about half an hour, 20 GB
	$(BIN)/python -m benchmarks.airtime

.PHONY: bench-loudness
bench-loudness: apt $(VENV)/dev # our meter and ffmpeg's on the signals of EBU Tech 3341: seconds
	$(BIN)/python -m benchmarks.loudness

.PHONY: bench-playout
bench-playout: apt $(VENV)/dev # starts, gaps, memory and processor of the agent beside a process per item: seven minutes
	$(BIN)/python -m benchmarks.playout

.PHONY: fuzz-mastering
fuzz-mastering: apt $(VENV)/dev # 2,000 broken recordings: some minutes
	BROADCASTER_FUZZ_CASES=2000 $(BIN)/python -m pytest tests/audio/test_mastering_fuzz.py

.PHONY: bench-delivery
bench-delivery: apt $(VENV)/dev # ours and the other senders over bad lines, as root: about half an hour
	@bash benchmarks/install-senders.sh
	$(BIN)/python -m benchmarks.delivery
