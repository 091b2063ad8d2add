"""A small supervisor on the real reactor, run as a program by `test_processes_e2e`.

    python -m tests.daytrade.driver_processes DIRECTORY

It starts two children in order and kills the second one; once that is back it prints a line of JSON and
waits. On SIGTERM it stops both in reverse order, prints another line and ends.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore, IReactorProcess, IReactorTime
from twisted.internet.task import deferLater, react

from daytrade.process_group import ProcessGroup
from daytrade.process_run import Command
from daytrade.processes import Backoff, SupervisedProcess
