"""
Question answering with NVIDIA NeMo.

The operator trains, evaluates or queries a question answering model on a
dataset in the SQuAD format, and returns a summary that later tasks can pull.
Where NeMo is not installed it runs a mock instead, so that DAGs can be written
and tested on machines without a GPU.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from airflow.exceptions import AirflowException
from airflow.hooks.base import BaseHook
from airflow.models import Variable

try:
    from airflow.sdk.bases.operator import BaseOperator
except ImportError:
    from airflow.models import BaseOperator

try:
    import nemo.collections.nlp as nemo_nlp
    from omegaconf import OmegaConf

    NEMO_AVAILABLE = True
except ImportError:
    nemo_nlp = None
    OmegaConf = None
    NEMO_AVAILABLE = False

if TYPE_CHECKING:
    from airflow.utils.context import Context

logger = logging.getLogger(__name__)

MODES = ('train', 'evaluate', 'inference')
MODEL_TYPES = {
    'extractive': 'BERTQAModel',
    'generative': 'S2SQAModel',
    'gpt': 'GPTQAModel',
}
MOCK_VARIABLE = 'NEMO_MOCK_EXECUTION'


class NeMoQuestionAnsweringOperator(BaseOperator):
    """
    Train, evaluate or query a NeMo question answering model.

    :param mode: 'train', 'evaluate' or 'inference'
    :param dataset_file: the dataset, JSON in the SQuAD format
    :param output_dir: where models, metrics and answers go
    :param model_type: 'extractive', 'generative' or 'gpt'
    :param pretrained_model: the model to start from
    :param max_epochs: how many passes over the dataset a training makes
    :param batch_size: examples a step
    :param learning_rate: of the optimizer
    :param nemo_conn_id: the connection that holds the key of the model registry
    """

    template_fields = ['mode', 'model_type', 'dataset_file', 'output_dir']
    template_ext = ('.json',)
    ui_color = '#76b900'

    def __init__(
        self,
        *,
        mode: str,
        dataset_file: str,
        output_dir: str,
        model_type: str = 'extractive',
        pretrained_model: Optional[str] = None,
        max_epochs: int = 3,
        batch_size: int = 16,
        learning_rate: float = 3e-5,
        nemo_conn_id: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)

        if not dataset_file:
            raise ValueError("dataset_file is required")
        if not output_dir:
            raise ValueError("output_dir is required")

        # What comes from a template is known only when the task runs.
        if '{{' not in mode and mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}, not {mode!r}")
        if '{{' not in model_type and model_type not in MODEL_TYPES:
            raise ValueError(f"model_type must be one of {sorted(MODEL_TYPES)}, not {model_type!r}")

        if not isinstance(max_epochs, int):
            raise TypeError("max_epochs must be an integer")
        if max_epochs < 1 or max_epochs > 1000:
            raise ValueError("max_epochs must lie between 1 and 1000")
        if batch_size <= 0:
            raise ValueError("batch_size must be positive")
        if not 0.0 < learning_rate < 1.0:
            raise ValueError(f"learning_rate must lie between 0 and 1, not {learning_rate}")

        self.mode = mode
        self.dataset_file = dataset_file
        self.output_dir = output_dir
        self.model_type = model_type
        self.pretrained_model = pretrained_model or 'bert-base-uncased'
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.nemo_conn_id = nemo_conn_id
        self._model = None

    def execute(self, context: Context) -> Dict[str, Any]:
        """Run the task and return its summary."""
        params = context['params']
        dag_run = context['dag_run']
        ti = context['ti']

        max_epochs = params.get('max_epochs', self.max_epochs)
        batch_size = dag_run.conf.get('batch_size', self.batch_size)
        checkpoint = ti.xcom_pull(task_ids='prepare_model', key='checkpoint')
        cache_dir = Variable.get('nemo_cache_dir', default_var='/tmp/nemo')

        self._validate_rendered()
        self.log.info("Starting question answering: mode=%s, model=%s", self.mode, self.model_type)

        if not NEMO_AVAILABLE:
            self.log.warning("NeMo is not installed, falling back to mock execution")
            return self._mock_execute(context)
        if os.environ.get(MOCK_VARIABLE, 'false').lower() == 'true':
            self.log.warning("%s is set, running the mock", MOCK_VARIABLE)
            return self._mock_execute(context)

        started = time.monotonic()
        try:
            os.makedirs(self.output_dir, exist_ok=True)
            model = self._load_model(checkpoint, cache_dir)
            if self.mode == 'train':
                result = self._train(model, max_epochs, batch_size)
            elif self.mode == 'evaluate':
                result = self._evaluate(model, batch_size)
            else:
                result = self._answer(model, params['questions'])
        except FileNotFoundError as e:
            self.log.error("Dataset not found: %s", e)
            raise AirflowException(f"Dataset not found: {self.dataset_file}") from e
        except (ValueError, KeyError) as e:
            self.log.error(f"Invalid input for {self.mode}: {e}")
            raise AirflowException(f"Question answering failed: {e}") from e
        except RuntimeError as e:
            self.log.exception("NeMo failed in mode %s", self.mode)
            raise AirflowException("NeMo failed, see the log of the task") from e
        finally:
            self._model = None

        result['duration'] = round(time.monotonic() - started, 3)
        ti.xcom_push(key='metrics', value=result['metrics'])
        self.log.info(f"Finished in {result['duration']} s: {result['metrics']}")
        return result

    def on_kill(self) -> None:
        self.log.info("Task was killed, releasing the model")
        self._model = None

    def _validate_rendered(self) -> None:
        """Check what templates may have left wrong."""
        if self.mode not in MODES:
            raise AirflowException(f"mode must be one of {MODES}, not {self.mode!r}")
        if self.model_type not in MODEL_TYPES:
            raise AirflowException(f"Unknown model_type: {self.model_type}")
        if not isinstance(self.dataset_file, str):
            raise AirflowException("dataset_file must be a string")
        if not self.dataset_file.endswith('.json'):
            raise AirflowException("dataset_file must be a JSON file")

    def _mock_execute(self, context: Context) -> Dict[str, Any]:
        """Return what a real run would, without a model."""
        self.log.info("Mock execution: mode=%s, dataset=%s", self.mode, self.dataset_file)
        metrics = {'exact_match': 0.81, 'f1': 0.88}
        context['ti'].xcom_push(key='metrics', value=metrics)
        return {
            'status': 'success',
            'mock': True,
            'mode': self.mode,
            'model_type': self.model_type,
            'output_dir': self.output_dir,
            'metrics': metrics,
        }

    def _load_model(self, checkpoint: Optional[str], cache_dir: str) -> Any:
        if nemo_nlp is None:
            raise AirflowException("NeMo is required to load a model")
        model_class = getattr(nemo_nlp.models, MODEL_TYPES[self.model_type])

        if self.nemo_conn_id:
            connection = BaseHook.get_connection(self.nemo_conn_id)
            os.environ.setdefault('NGC_API_KEY', connection.password or '')

        if checkpoint and Path(checkpoint).exists():
            self.log.info("Restoring the model from %s", checkpoint)
            self._model = model_class.restore_from(restore_path=checkpoint)
        else:
            self.log.debug("Loading %s into %s", self.pretrained_model, cache_dir)
            config = OmegaConf.create({'model': {'language_model': self.pretrained_model}})
            self._model = model_class(cfg=config.model)
        return self._model

    def _read_dataset(self) -> List[Dict[str, Any]]:
        path = Path(self.dataset_file)
        try:
            with path.open(encoding='utf-8') as file:
                document = json.load(file)
        except json.JSONDecodeError as e:
            raise AirflowException(f"{path} is not JSON: line {e.lineno}") from e
        else:
            logger.debug("Read %d articles from %s", len(document['data']), path)

        if not document['data']:
            raise ValueError("the dataset is empty")
        return document['data']

    def _train(self, model: Any, max_epochs: int, batch_size: int) -> Dict[str, Any]:
        articles = self._read_dataset()
        self.log.info("Training on %d articles for %d epochs", len(articles), max_epochs)
        model.setup_training_data({'file': self.dataset_file, 'batch_size': batch_size})
        model.setup_optimization({'name': 'adamw', 'lr': self.learning_rate})
        metrics = model.fit(max_epochs=max_epochs)

        target = os.path.join(self.output_dir, f'{self.task_id}.nemo')
        model.save_to(target)
        self.log.info("Saved the model to {}".format(target))
        return {'status': 'success', 'mode': 'train', 'model_path': target, 'metrics': metrics}

    def _evaluate(self, model: Any, batch_size: int) -> Dict[str, Any]:
        self._read_dataset()
        model.setup_test_data({'file': self.dataset_file, 'batch_size': batch_size})
        metrics = model.evaluate()
        if metrics.get('f1', 0.0) < 0.5:
            self.log.warning("The F1 score is low: %.3f", metrics.get('f1', 0.0))
        return {'status': 'success', 'mode': 'evaluate', 'metrics': metrics}

    def _answer(self, model: Any, questions: List[str]) -> Dict[str, Any]:
        if not questions:
            raise ValueError("params['questions'] is required for inference")
        answers, scores = model.inference(
            file=self.dataset_file,
            questions=questions,
            output_nbest_file=os.path.join(self.output_dir, 'nbest.json'),
        )
        self.log.info("Answered %d questions", len(answers))
        return {
            'status': 'success',
            'mode': 'inference',
            'answers': dict(zip(questions, answers)),
            'metrics': {'mean_score': sum(scores) / len(scores)},
        }
