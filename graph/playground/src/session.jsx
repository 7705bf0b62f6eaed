import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useRef } from 'react';

/** What the headers editor of every tab starts with. */
export const placeholder = '{"Authorization": "Bearer "}';

// How long the headers must rest, in milliseconds, before the schema is asked for with them: longer than between two keys.
const rest = 600;

/** Keeps what belongs to all tabs: the headers typed last, in memory only, and the schema that they give access to. */
export function Session() {
  const editor = useGraphiQL((state) => state.headerEditor);
  const typed = useRef(placeholder);
  useSchemaOf(editor, typed);
  useSharedHeaders(editor, typed);
  useClearedError();
  return null;
}

/** Notes typed headers and fetches the schema again once they have come to rest. */
function useSchemaOf(editor, typed) {
  const { introspect } = useGraphiQLActions();
  const asked = useRef(placeholder);
  useEffect(() => {
    let timer;
    const ask = () => {
      if (typed.current !== asked.current) {
        asked.current = typed.current;
        introspect();
      }
    };
    const listener = editor?.onDidChangeModelContent(() => {
      if (editor.getValue() !== placeholder) {
        typed.current = editor.getValue();
        clearTimeout(timer);
        timer = setTimeout(ask, rest);
      }
    });
    return () => {
      clearTimeout(timer);
      listener?.dispose();
    };
  }, [editor, introspect, typed]);
}

/** Hands the headers typed last to a tab that still shows the placeholder. */
function useSharedHeaders(editor, typed) {
  const tab = useGraphiQL((state) => state.activeTabIndex);
  useEffect(() => {
    if (editor?.getValue() === placeholder && typed.current !== placeholder) {
      editor.setValue(typed.current);
    }
  }, [editor, tab, typed]);
}

/** Takes an error of fetching the schema out of the response pane when it holds no longer. */
function useClearedError() {
  const error = useGraphiQL((state) => state.fetchError);
  const response = useGraphiQL((state) => state.responseEditor);
  useEffect(
    () => () => {
      if (error && response?.getValue() === error) {
        response.setValue('');
      }
    },
    [error, response],
  );
}
